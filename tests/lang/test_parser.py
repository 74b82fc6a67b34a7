"""The parser: every rule of the grammar, Falco's quirks, and Falco's messages at Falco's places."""

from pathlib import Path

import pytest

from falcohost.lang import parser
from falcohost.lang.parser import MAX_LENGTH, parse, parse_operand
from falcohost.lang.printer import operand_to_text, to_text
from falcohost.lang.syntax import MODIFIERS, OPERATORS, QUOTED, STRING_OPERATORS, TRANSFORMERS, ConditionSyntaxError
from falcohost.lang.tree import (
    AndNode,
    CheckNode,
    FieldNode,
    IdentifierNode,
    ListNode,
    NotNode,
    OrNode,
    Pos,
    TransformNode,
    ValueNode,
)

CANONICAL = [
    # precedence: not binds more than and, and more than or
    ("a or b and not c", "(a or (b and not c))"),
    ("(a or b) and c", "((a or b) and c)"),
    ("a and b and c", "(a and b and c)"),
    ("a and (b and c)", "(a and (b and c))"),
    ("((((a))))", "a"),
    # not: several in a row are one or none, but not across brackets
    ("not a", "not a"),
    ("not not a", "a"),
    ("not not not(a)", "not a"),
    ("not(a or b)", "not (a or b)"),
    ("not (not a)", "not not a"),
    ("not\ta", "not a"),
    ("nota", "nota"),
    ("not", "not"),
    # and and or need a blank or a bracket behind them
    ("a and(b) or(c)", "((a and b) or c)"),
    ("a or(b) or c", "(a or b or c)"),
    ("a and\n\r\tb", "(a and b)"),
    ("and", "and"),
    # unary checks
    ("proc.name exists", "proc.name exists"),
    ("proc.name existsand a", "(proc.name exists and a)"),
    # numbers
    ("fd.num<=1", "fd.num <= 1"),
    ("fd.num<-3", "fd.num < -3"),
    ("fd.num >=0x1F", "fd.num >= 0x1F"),
    ("fd.num > 1e+5", "fd.num > 1e+5"),
    ("fd.num > 1.", "fd.num > 1."),
    # texts
    ("proc.name=cat", "proc.name = cat"),
    ("proc.name==cat", "proc.name == cat"),
    ("proc.name != cat", "proc.name != cat"),
    ("proc.name='a b'", 'proc.name = "a b"'),
    ('proc.name=""', "proc.name = "),
    ("proc.name=and", "proc.name = and"),
    ("proc.name glob *.txt", "proc.name glob *.txt"),
    ("proc.name icontains\nX", "proc.name icontains X"),
    ("proc.name = /a/b-c_d.e%f#g", "proc.name = /a/b-c_d.e%f#g"),
    ("proc.name = C:\\windows", 'proc.name = "C:\\\\windows"'),
    # lists
    ("proc.name in (a, 'b c',d )", 'proc.name in (a, "b c", d)'),
    ("proc.name in()", "proc.name in ()"),
    ("proc.name in(\n a,\n b\n)", "proc.name in (a, b)"),
    ("proc.name in names", "proc.name in names"),
    ("proc.name inx", "proc.name in x"),
    ("proc.name intersects (a)", "proc.name intersects (a)"),
    ("fd.name pmatch (/etc, /lib)", "fd.name pmatch (/etc, /lib)"),
    # modifiers
    ("fd.name startswith oneof (/a, /b)", "fd.name startswith oneof (/a, /b)"),
    ("fd.name = anyof (a)", "fd.name = anyof (a)"),
    ("fd.name!= allof names", "fd.name != allof names"),
    ("proc.name startswith oneof", "proc.name startswith oneof"),
    ("proc.name startswith oneof and a", "(proc.name startswith oneof and a)"),
    ("proc.name startswith oneof android", "proc.name startswith oneof android"),
    # arguments
    ("proc.aname[2]=x", "proc.aname[2] = x"),
    ("proc.env[A(B),/C] exists", "proc.env[A(B),/C] exists"),
    ("proc.env['a b'] exists", 'proc.env["a b"] exists'),
    ('proc.env[""] exists', 'proc.env[""] exists'),
    # transformers and fields on the right
    ("tolower(proc.name)=x", "tolower(proc.name) = x"),
    ("toupper( b64( proc.name ) ) exists", "toupper(b64(proc.name)) exists"),
    ('concat(proc.name, "a b", 5)=x', 'concat(proc.name,"a b",5) = x'),
    ('join("-", (proc.name, "x", 5, len(proc.name)))=x', "join(-,(proc.name,x,5,len(proc.name))) = x"),
    ('join(",", ()) exists', "join(,,()) exists"),
    ('getopt(proc.args, "ab:")[b]=1', "getopt(proc.args,ab:)[b] = 1"),
    ("proc.name=val(proc.pname)", "proc.name = val(proc.pname)"),
    ("proc.name in tolower(proc.pname)", "proc.name in tolower(proc.pname)"),
    ("fd.num >= val( fd.num )", "fd.num >= val(fd.num)"),
    ("proc.name = valx", "proc.name = valx"),
]


@pytest.mark.parametrize(("text", "expected"), CANONICAL)
def test_canonical_form(text, expected):
    """A condition is read as its canonical form says."""
    assert expected == to_text(parse(text))


OPERATOR = "expected a valid check operator: one of 'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', "
OPERATOR += (
    "'contains', 'icontains', 'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', "
)
OPERATOR += "'pmatch'"
RIGHT = "a field with a valid transformer: 'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', "
RIGHT += "'getopt'"
OPERAND = "expected a '(' token, a field check, or an identifier"
ARGUMENT = "expected a valid field argument: a quoted string or a bare string"
TRANSFORMER = "expected field transformer argument: field, transformer, quoted string, number, or transformer list"
ELEMENT = "expected transformer list argument: field, transformer, quoted string, or number"

ERRORS = [
    ("", "filter input string is empty", 0),
    (" \n", OPERAND, 2),
    ("a and ", OPERAND, 6),
    ("(", OPERAND, 1),
    ("=", OPERAND, 0),
    ("not 5", OPERAND, 4),
    ("a andb", "expected blank or '(' after 'and'", 5),
    ("a or", "expected blank or '(' after 'or'", 4),
    ("(a b", "expected a ')' token", 3),
    ("not(a", "expected a ')' token", 5),
    ("a and(b or c", "expected a ')' token", 12),
    ("(a or(b) and c)", "expected a ')' token", 9),
    ("a)", "unexpected token after 'a', expecting 'or', 'and'", 1),
    ("a or(b) and c", "unexpected token after ')', expecting 'or', 'and'", 8),
    ("notafield = x", "unexpected token after 'notafield', expecting 'or', 'and'", 10),
    ("proc.name exists exists", "unexpected token after 'exists', expecting 'or', 'and'", 17),
    ("proc.name=a b", "unexpected token after 'a', expecting 'or', 'and'", 12),
    ("proc.name='a b' c", "unexpected token after 'a b', expecting 'or', 'and'", 16),
    ("proc.name in (a) b", "unexpected token after ')', expecting 'or', 'and'", 17),
    ("proc.name=oneof (a)", "unexpected token after 'oneof', expecting 'or', 'and'", 16),
    ("val(proc.name)=1", "unexpected token after 'val', expecting 'or', 'and'", 3),
    ("fd.num>=0x", "unexpected token after '0', expecting 'or', 'and'", 9),
    ("proc.name", OPERATOR, 9),
    ("proc.name  contains=x", OPERATOR, 11),
    ("proc.name containsx y", OPERATOR, 10),
    ("proc.aname [2]=x", OPERATOR, 11),
    ("tolower(proc.name) and a", OPERATOR, 19),
    ("proc.aname[ 2]=x", ARGUMENT, 11),
    ("proc.aname[]=x", ARGUMENT, 11),
    ('proc.aname["a]=x', ARGUMENT, 11),
    ("proc.aname[2 ]=x", "expected a ']' token", 12),
    ("tolower(proc.name)[x exists", "expected a ']' token", 20),
    ("fd.num>=foo", f"expected a number value or {RIGHT}", 8),
    ("fd.num<", f"expected a number value or {RIGHT}", 7),
    ("proc.name = ", f"expected a string value or {RIGHT}", 12),
    ("proc.name = (a)", f"expected a string value or {RIGHT}", 12),
    ('proc.name = "a', f"expected a string value or {RIGHT}", 12),
    ("proc.name = 'a\\\\'", f"expected a string value or {RIGHT}", 12),
    ("proc.name in 'a'", f"expected a list, an identifier, or {RIGHT}", 13),
    ("proc.name in (a, )", "expected a string value", 17),
    ("proc.name in (a b)", "expected a ')' token", 16),
    ("proc.name in (=)", "expected a ')' token", 14),
    ("proc.name in (val(proc.pname))", "expected a ')' token", 17),
    ("proc.name in (a, b", "expected a ')' token", 18),
    ("proc.name startswith oneof (a, =)", "expected a string value", 31),
    ("proc.name=val(x)", "expected a field within 'val' transformer", 14),
    ("proc.name=val(proc.name", "expected a ')' token closing the transformer", 23),
    ("tolower(proc.name", "expected a ')' token closing the transformer", 17),
    ("tolower()=x", TRANSFORMER, 8),
    ("concat(proc.name, )=x", TRANSFORMER, 18),
    ("tolower(name)=x", TRANSFORMER, 8),
    ('join(",", (a))=x', ELEMENT, 11),
    ('join(",", (proc.name, ))=x', ELEMENT, 22),
    ('join(",", (proc.name "x"))=x', "expected ')'", 21),
    ('proc.name="\\d"', "unsupported string escape sequence: \\d", 14),
    ('proc.name="\\d" )', "unsupported string escape sequence: \\d", 14),
    ("proc.name='\\\"'", "invalid \\\" escape in '-quoted string", 14),
    ('proc.name="\\\'"', "invalid \\' escape in \"-quoted string", 14),
    ('proc.name in (a, "\\d")', "unsupported string escape sequence: \\d", 21),
    ('proc.name in ("\\d", a)', "expected a ')' token", 18),
    ('proc.env["\\d"] exists', "unsupported string escape sequence: \\d", 13),
]


@pytest.mark.parametrize(("text", "message", "offset"), ERRORS)
def test_error(text, message, offset):
    """A text that is no condition is refused in Falco's words at the place that Falco gives."""
    with pytest.raises(ConditionSyntaxError) as caught:
        parse(text)

    assert (message, offset) == (caught.value.message, caught.value.pos.offset)


def test_bad_escape_first_in_a_list_leaves_the_list_empty():
    """As in Falco, a list whose only value has a bad escape is the empty list."""
    assert "proc.name in ()" == to_text(parse('proc.name in ("\\d")'))


def test_tree_of_a_check():
    """A check has a field, an operator and a value, with their places."""
    node = parse("a and\n  fd.name contains 'x'")

    assert isinstance(node, AndNode)
    check = node.items[1]
    assert CheckNode(FieldNode("fd.name"), "contains", ValueNode("x", quoted=True)) == check
    assert Pos(8, 2, 3) == check.pos
    assert Pos(25, 2, 20) == check.right.pos


def test_tree_of_a_list_over_lines():
    """The values of a list have their own places, also on later lines."""
    check = parse("fd.num in (1,\n 'two')")

    assert ListNode((ValueNode("1"), ValueNode("two", quoted=True))) == check.right
    assert [Pos(11, 1, 12), Pos(15, 2, 2)] == [item.pos for item in check.right.items]


def test_tree_of_names():
    """A name without a dot is an identifier, as a condition and behind a list operator."""
    node = parse("not macro or fd.num in names")

    expected = OrNode((NotNode(IdentifierNode("macro")), CheckNode(FieldNode("fd.num"), "in", IdentifierNode("names"))))
    assert expected == node


def test_tree_of_a_transformer():
    """A transformer keeps its operands and its argument."""
    check = parse('getopt(proc.args, "a:")["a"] = val(proc.name)')

    left = TransformNode("getopt", (FieldNode("proc.args"), ValueNode("a:", quoted=True)), "a")
    assert CheckNode(left, "=", TransformNode("val", (FieldNode("proc.name"),))) == check


@pytest.mark.parametrize("text", ["proc.aname[2]", "toupper(proc.name)"])
def test_operand(text):
    """A field or a transformer can be parsed alone."""
    assert text == operand_to_text(parse_operand(text))


@pytest.mark.parametrize("text", ["", "name", "proc.name = x", "tolower("])
def test_no_operand(text):
    """Anything but a field or a transformer is refused as an operand."""
    with pytest.raises(ConditionSyntaxError):
        parse_operand(text)


@pytest.mark.parametrize("text", ["not(" * 150 + "a" + ")" * 150, "tolower(" * 150 + "a.b" + ")" * 150 + "=x"])
def test_too_deep(text):
    """A condition that nests deeper than 100 is refused with a clear message."""
    with pytest.raises(ConditionSyntaxError, match="exceeded max depth limit of 100"):
        parse(text)


def test_brackets_that_group_nothing_do_not_count():
    """Ten thousand brackets around one name are that name."""
    assert IdentifierNode("a") == parse("(" * 10_000 + "a" + ")" * 10_000)


def test_too_long():
    """A condition longer than any sensible one is refused before it is read."""
    with pytest.raises(ConditionSyntaxError, match="condition is longer than"):
        parse("a" * (MAX_LENGTH + 1))


def test_words_are_those_of_the_grammar():
    """The words that messages and other checks list are the ones that the grammar has, and quotes are read alike."""
    grammar = Path(parser.__file__).with_name("condition.lark").read_text()

    right = {"exists": "", "in": "(a)", "intersects": "(a)", "pmatch": "(a)"}
    for operator in OPERATORS:
        assert operator == parse(f"a.b {operator} {right.get(operator, '1')}").op
    for modifier in MODIFIERS:
        assert {modifier} == {parse(f"a.b {operator} {modifier} (a)").modifier for operator in STRING_OPERATORS}
    for transformer in TRANSFORMERS:
        assert transformer == parse(f"a.b = {transformer}(c.d)").right.name
    assert f"QUOTED: /{QUOTED.pattern}/" in grammar
