"""Tests the type check: refused conditions with Falco's messages, the resulting IR, and warnings."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest
from world import CATALOG, compiled

from falcohost.engine.catalog import TypeCheckError
from falcohost.engine.ir import And, Check, Exists, Not, Or, Transform
from falcohost.engine.typecheck import TypeChecker, check
from falcohost.lang.parser import parse
from falcohost.lang.tree import AndNode, CheckNode, FieldNode, NotNode


def refused(text):
    """Return the error that the condition *text* gets."""
    with pytest.raises(TypeCheckError) as error:
        check(parse(text), CATALOG)
    return error.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n.int32 = 5", 5),
        ("n.int32 = ' +5'", 5),
        ("n.uint64 = -1", 2**64 - 1),
        ("n.uint8 = 257", 1),
        ("n.int8 = 128", -128),
        ("n.int16 = 4294967295", -1),
        ("n.int64 = 99999999999999999999", 2**63 - 1),
        ("n.uint32 = 99999999999999999999", 2**32 - 1),
        ("n.double = 3", 3.0),
        ("n.port = 22", 22),
        ("n.port = ssh", 22),
        ("n.port = 65616", 80),
        ("n.port = ''", 0),
        ("b.flag = true", True),
        ("ip.addr = 10.0.0.1", IPv4Address("10.0.0.1")),
        ("ip.addr = ::1", IPv6Address("::1")),
        ("ip.net = 10.1.2.3/8", IPv4Network("10.0.0.0/8")),
        ("s.text = 0x10", "0x10"),
        ("buf.data = é", "é".encode()),
        ("buf.data bcontains 4a0B", b"J\x0b"),
        ("buf.data bcontains ''", b""),
        ("ip.addr startswith 10.", "10."),
        ("s.text in (a, 'b c')", ("a", "b c")),
        ("s.text in ()", ()),
        ("s.text in one", ("one",)),
        ("s.text = oneof one", ("one",)),
    ],
)
def test_constants_are_read_as_the_type_of_their_field(text, value):
    """The right side has the Python type that the field's values have; numbers wrap as scanf(3) lets them."""
    found = compiled(text)

    assert isinstance(found, Check)
    assert (value, type(value)) == (found.right, type(found.right))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n.int32 = 0x10", "0x10 is not a valid number"),
        ("n.int32 = 1.5", "1.5 is not a valid number"),
        ("n.int32 = 1e3", "1e3 is not a valid number"),
        ("n.int32 = ''", " is not a valid number"),
        ("n.int32 in (1, x)", "x is not a valid number"),
        ("n.port = nosuchservice", "unrecognized protocol nosuchservice"),
        ("n.port = 99999999999", "99999999999 is not a valid number"),
        ("b.flag = yes", "filter error: unrecognized boolean value yes"),
        ("ip.addr = 10.0.0", "unrecognized IPv4 address 10.0.0"),
        ("ip.addr = 10.0.0.1/8", "unrecognized IPv4 address 10.0.0.1/8"),
        ("ip.addr = zz", "unrecognized IPv6 address zz"),
        ("ip.net = 10.0.0.1", "unrecognized IP network 10.0.0.1"),
        ("ip.net = 10.0.0.0/33", "invalid netmask 33"),
        ("ip.net = 10.0.0/8", "unrecognized IP address 10.0.0/8"),
        ("ip.net = fe80::/0", "invalid v6 netmask 0"),
        ("ip.net = fe80::/129", "invalid v6 netmask 129"),
        ("ip.net = fe80::", "invalid v6 netmask: fe80::"),
        ("buf.data bcontains 4", "filter error: bcontains and bstartswith operator support hex strings only"),
        ("buf.data bstartswith zz", "filter error: bcontains and bstartswith operator support hex strings only"),
        (f"s.text = {'a' * 256}", f"filter parameter too long (used=257, available=256):{'a' * 256}"),
        (f"s.text = {'é' * 128}", f"filter parameter too long (used=257, available=256):{'é' * 128}"),
        (f"buf.data = {'a' * 256}", "filter parameter too long (byte buf)"),
        ("s.text regex '('", "invalid regex pattern: missing ): ("),
        ("s.text regex '(?i)a'", "invalid regex pattern: no argument for repetition operator: ?"),
        ("n.int32 contains 3", "filter error: 'contains' operator not supported for numeric filters"),
        ("b.flag < 1", "filter error: '<' operator not supported for numeric filters"),
        ("n.int32 startswith oneof (1)", "filter error: 'startswith' operator not supported for numeric filters"),
        ("s.text bcontains 00", "filter error: 'bcontains' operator not supported for string filters"),
        ("buf.data icontains a", "filter error: 'icontains' operator not supported for buffer filters"),
        ("buf.data < 1", "filter error: '<' operator not supported for buffer filters"),
        ("ip.addr < 1", "filter error: '<' operator not supported for ip address and network filters"),
        ("ip.net contains a", "filter error: 'contains' operator not supported for ip address and network filters"),
        (
            "ip.net contains oneof (a)",
            "filter error: 'contains' with modifier not supported for ip address and network filters",
        ),
        ("ip.addr pmatch (a)", "filter error: 'pmatch' operator not supported for ip address and network filters"),
        ("l.texts = a", "filter error: '=' operator not supported list filters"),
        ("l.small in (1)", "filter error: list filters are not supported for type 'INT32'"),
        ("evt.type = nope", "unknown event type nope"),
        ("evt.type glob open*", "unknown event type open*"),
        (
            "tolower(n.int64) = a",
            "can't add field transformer: type 'INT64' is not supported by 'tolower' transformer"
            " applied on field 'n.int64'",
        ),
        (
            "len(len(s.text)) = 1",
            "can't add field transformer: type 'UINT64' is not supported by 'len' transformer applied"
            " on field 's.text'",
        ),
        (
            "tolower(l.nums) in (a)",
            "can't add field transformer: type 'UINT64' is not supported by 'tolower' transformer"
            " applied on list field 'l.nums'",
        ),
        (
            "b64(s.path) = a",
            "can't add field transformer: type 'FSPATH' is not supported by 'b64' transformer applied"
            " on field 's.path'",
        ),
        ("tolower(s.closed) = a", "field 's.closed' does not support transformers"),
        ("tolower(any.name) = a", "field 'any.name' does not support transformers"),
        ("concat(any.name, s.text) = a", "field 'any.name' does not support transformers"),
        ("tolower(s.text)[0] = a", "filter error: transformer 'tolower' does not support field arguments"),
        ("concat(s.text, s.text)[0] = a", "transformer 'concat' does not support field arguments"),
        ("concat(s.text) = a", "unknown field transfomer 'concat'"),
        ("concat(s.text, n.int64) = a", "concat() arguments must be strings"),
        ("concat(s.text, l.texts) = a", "concat() arguments must be strings"),
        ("join(s.text) = a", "unknown field transfomer 'join'"),
        ('join(",", s.text) = a', "join() second argument must be a list"),
        ("join(l.texts, l.texts) = a", "join() first argument (separator) must be a single value, not a list"),
        ('join(",", l.texts, l.texts) = a', "join() requires exactly 2 arguments: separator and list"),
        ('getopt(s.text, "a") in (a)', "getopt() first argument must be a list"),
        ('getopt(l.nums, "a") in (a)', "getopt() arguments must be strings"),
        ("getopt(l.texts, l.texts) in (a)", "getopt() second argument (optstring) must be a single value"),
        ('getopt(l.texts, "a", "b") in (a)', "getopt() requires exactly 2 arguments: args list and optstring"),
        ('getopt(l.texts, "a")[ab] = a', "getopt() field argument must be a single option character"),
        (
            "s.text = val(n.int64)",
            "field 's.text' has type 'CHARBUF' while the right-hand side field 'n.int64' has incompatible type 'INT64'",
        ),
        (
            "s.text in val(l.texts)",
            "field 's.text' has type 'CHARBUF' while the right-hand side field 'l.texts' has"
            " incompatible type 'CHARBUF (list)'",
        ),
        (
            "s.text = val(s.path)",
            "field 's.text' has type 'CHARBUF' while the right-hand side field 's.path' has incompatible type 'FSPATH'",
        ),
        ("s.text regex val(s.other)", "operator 'REGEX' doesn't support right-hand side fields"),
        ("s.text pmatch val(s.other)", "operator 'PMATCH' doesn't support right-hand side fields"),
        ("ip.net = val(ip.net)", "field type 'IPNET' doesn't support right-hand side fields"),
        ("s.closed = val(s.text)", "field 's.closed' doesn't support right-hand side fields"),
        ("s.text = val(s.closed)", "field 's.closed' can't be used as a right-hand side field"),
        ("any.name = val(s.text)", "field 'any.name' doesn't support right-hand side fields"),
        ("s.text = val(any.name)", "field 'any.name' can't be used as a right-hand side field"),
        ("s.nope exists", "filter_check called with nonexistent field s.nope"),
        ("tolower(s.nope) = a", "filter_check called with nonexistent field s.nope"),
        ("s.text = a and mymacro", "filter error: unexpected identifier 'mymacro'"),
    ],
)
def test_what_falco_refuses_is_refused_in_its_words(text, message):
    """A condition that does not fit its fields gets Falco's message."""
    assert message == refused(text).message


@pytest.mark.parametrize(
    ("text", "column", "unknown"),
    [
        ("s.text = a and s.nope = b", 16, True),
        ("s.text = a and tolower(s.nope) = b", 24, True),
        ("s.text = a and s.other = tolower(n.int64)", 26, False),
        ("s.text = a and s.other = val(n.int64)", 16, False),
        ("s.text = a and (s.text = b or n.int32 in (1, x))", 46, False),
        ("evt.type = open or evt.type in (open, nope)", 39, True),
        ("s.text = a and not n.int32 contains 3", 20, False),
        ("s.text = a and mymacro", 16, False),
    ],
)
def test_an_error_names_its_place(text, column, unknown):
    """An error is placed at what is wrong; unknown fields and event types are marked as such."""
    error = refused(text)

    assert (column, unknown) == (error.pos.column, error.unknown)


def test_a_tree_that_nests_too_deep_is_refused():
    """Passes over the tree recurse, so its depth has a limit."""
    node = CheckNode(FieldNode("s.text"), "exists")
    for _ in range(5000):
        node = NotNode(node)

    with pytest.raises(TypeCheckError, match="exceeded max depth limit of 200"):
        check(node, CATALOG)


def test_and_and_or_are_flat():
    """A chain in a chain of the same kind is joined to it; another kind stays."""
    found = compiled("(s.text exists and s.other exists) and (s.path exists or (b.flag exists or not b.other exists))")

    assert isinstance(found, And)
    assert [Exists, Exists, Or] == [type(item) for item in found.items]
    assert [Exists, Exists, Not] == [type(item) for item in found.items[2].items]


def test_val_is_the_field_itself():
    """``val(f)`` leaves nothing behind in the IR, a transformer does."""
    assert CATALOG.resolve("s.other") == compiled("s.text = val(s.other)").right
    assert isinstance(compiled("s.text = tolower(s.other)").right, Transform)


def remarks(text):
    """Return code, message and column of what is remarked about *text*."""
    return [(found.code, found.message, found.pos.column) for found in check(parse(text), CATALOG).warnings]


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("s.text = s.other", "'s.other' may be a valid field misused as a const string value", 10),
        ("s.text = any.name[2]", "'any.name[2]' may be a valid field misused as a const string value", 10),
        ("s.text in (a, evt.arg.flags)", "'evt.arg.flags' may be a valid field misused as a const string value", 11),
        (
            "s.text = 'len( s.other )'",
            "'len( s.other )' may be a valid field transformer misused as a const string value",
            10,
        ),
        (
            "s.text regex '.*abc.+'",
            "regex check with '.*abc.+' may be optimized with simpler operators such as '=', 'contains', 'startswith',"
            " 'endswith'",
            14,
        ),
        (
            "ip.addr startswith 10.",
            "'startswith' compares the text of an address, which falcohost accepts and Falco refuses",
            1,
        ),
        ("s.text regex '\\\\d+'", "regex '\\d+' has a Perl class, which falcohost accepts and Falco refuses", 14),
    ],
)
def test_probable_mistakes_are_remarked(text, message, column):
    """Constants that look like fields, needless regexes, and what Falco would refuse get a warning."""
    assert [("LOAD_COMPILE_CONDITION", message, column)] == remarks(text)


@pytest.mark.parametrize(
    "text",
    ["s.text = 1.2.3.4", "s.text = any.name[x]", "s.text = 'lenient('", "s.text regex 'a.*b'", "s.text regex '[ab]'"],
)
def test_ordinary_constants_are_not_remarked(text):
    """A value that only resembles a field or a simple regex gets no warning."""
    assert [] == remarks(text)


@pytest.mark.parametrize("right", ["= <NA>", "!= <NA>", "in (a, <NA>)", "intersects (<NA>)", "pmatch (<NA>)"])
def test_comparing_an_audit_field_with_na_is_unsafe(right):
    """``<NA>`` is what a missing audit field shows, not what it is; Falco warns with an empty message."""
    assert [("LOAD_UNSAFE_NA_CHECK", "", 1)] == remarks(f"ka.verb {right}")


@pytest.mark.parametrize("text", ["s.text = <NA>", "ka.verb startswith <NA>", "ka.verb = a"])
def test_na_elsewhere_is_no_concern(text):
    """Only equality of audit fields with ``<NA>`` is unsafe."""
    assert [] == remarks(text)


def test_a_deprecated_field_is_remarked_once():
    """Each deprecated field that a condition names gets one warning that names it."""
    found = check(parse("s.text = a and (evt.dir = < or not evt.dir = >)"), CATALOG).warnings

    assert [("LOAD_DEPRECATED_ITEM", "evt.dir", 17)] == [(w.code, w.field, w.pos.column) for w in found]


def test_what_conditions_share_is_checked_once():
    """A tree that stands in several conditions, as a macro's does, becomes one IR and is remarked on in each."""
    shared = parse("s.text regex abc and not s.other = 's.text'")
    checker = TypeChecker(CATALOG)
    first = checker.check(AndNode((NotNode(shared), NotNode(shared))))
    second = checker.check(NotNode(shared))
    alone = check(shared, CATALOG)

    assert isinstance(first.expr, And)
    assert isinstance(second.expr, Not)
    assert first.expr.items[0].item is second.expr.item
    assert alone.expr == second.expr.item
    assert 2 == len(alone.warnings)
    assert (*alone.warnings, *alone.warnings) == first.warnings
    assert alone.warnings == second.warnings


def test_what_was_refused_is_refused_again():
    """An error is the same the second time, with its place."""
    node, checker = parse("s.text = a and s.gone = b"), TypeChecker(CATALOG)
    errors = []
    for _ in range(2):
        with pytest.raises(TypeCheckError) as error:
            checker.check(node)
        errors.append((str(error.value), error.value.pos))

    assert errors[0] == errors[1]
