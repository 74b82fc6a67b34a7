"""Generated code: what it reads, how deep it goes, and that no text of a rule gets into it."""

import functools
import io
import re
import tokenize
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import CATALOG, FIELDS, Happening, compiled, rule

from falcohost.engine.catalog import Catalog
from falcohost.engine.code import module as codegen
from falcohost.engine.code.module import Module, compile_condition
from falcohost.engine.ir import And, Check, Const, Exists, FieldRef, ListOf, Not, Or, Transform
from falcohost.engine.matcher import Matcher
from falcohost.engine.typecheck import check
from falcohost.fields import Field, FieldType
from falcohost.lang.parser import parse


def counting(condition, **values):
    """Return whether *condition* holds, and how often each field was read to find out."""
    reads = Counter()

    def read(event, arg, *, name):
        reads[name] += 1
        return values.get(name)

    fields = [
        Field(name=f"x.{name}", type=FieldType.CHARBUF, description="", get=functools.partial(read, name=name))
        for name in "abcd"
    ]
    holds = compile_condition(check(parse(condition), Catalog("test", fields)).expr)
    return holds(Happening()), dict(reads)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("x.a = 1 and x.b = 1", (False, {"a": 1})),
        ("x.a = 0 or x.b = 1", (True, {"a": 1})),
        ("x.a = 0 and x.a = 0 and x.a != 1", (True, {"a": 1})),
        ("x.a = 1 or x.a startswith 0", (True, {"a": 1})),
        ("(x.a = 1 or x.b = 1) and x.b = 1 or x.a = 0", (True, {"a": 1, "b": 1})),
        ("(x.a = 0 or x.b = 1) and x.b = 0", (True, {"a": 1, "b": 1})),
        ("not (x.a = 1 or x.b = 1) and x.b = 0", (True, {"a": 1, "b": 1})),
        ("not (x.a = 0 and x.b = 1) and x.b = 0 and x.a = 0", (True, {"a": 1, "b": 1})),
        ("x.c exists or x.c exists or x.a = 0", (True, {"c": 1, "a": 1})),
        ("x.a = val(x.b) and x.b = val(x.a)", (True, {"a": 1, "b": 1})),
        ("x.c = val(x.b) or x.b = 0", (True, {"c": 1, "b": 1})),
        ("concat(x.a, x.b) = 00 and x.b = 0 and tolower(x.a) = 0", (True, {"a": 1, "b": 1})),
        ("x.a in () or x.b = 0", (True, {"b": 1})),
    ],
)
def test_fields_are_read_when_needed_and_once(condition, expected):
    """Short circuit keeps the fields behind it unread, and no field is read twice."""
    assert expected == counting(condition, a="0", b="0")


hostile = st.text(st.sampled_from("\"'\\\n(){}[]:;,#%ae_k01 \0\u2028\ud800")) | st.sampled_from(
    (
        '"+__import__("os").system("x")+"',
        "e), exec('1')",
        "k1\nraise SystemExit",
        "{}{0}{e}",
        "\\N{DIGIT ONE}",
        "%s%(a)s",
    )
)


def hostile_conditions(constant, argument, letter):
    """Return conditions of every shape whose names, arguments and constants are what they are given."""
    field = Field(name=f"s.{constant}", type=FieldType.CHARBUF, description=letter, get=lambda event, arg: arg)
    ref = FieldRef(field, argument, letter)
    options = Transform("getopt", (ListOf((ref, Const(constant))), Const(letter)), letter)
    found = [
        Check(left, op, right, modifier)
        for left in (ref, Transform("concat", (ref, Const(constant))), Transform("tolower", (ref,)), options)
        for op, right, modifier in (
            ("=", constant, None),
            ("!=", constant, None),
            ("<", constant, None),
            ("contains", constant, None),
            ("icontains", constant, None),
            ("endswith", constant, None),
            ("startswith", (constant, letter), "oneof"),
            ("in", (constant, letter), None),
            ("pmatch", (constant,), None),
            ("glob", constant, None),
            ("=", Transform("toupper", (ref,)), None),
        )
    ]
    return [*found, Exists(ref), Not(found[0]), And((Or(tuple(found[:4])), Not(found[5]))), Or(tuple(found))]


@given(hostile, hostile, hostile, st.booleans(), st.booleans(), st.sampled_from((2, 1000)))
@settings(max_examples=settings().max_examples // 2)
def test_no_text_of_a_rule_gets_into_the_source(constant, argument, letter, few, first, place):
    """The generated source has the same few words, whatever constants, arguments and names the rules have."""
    conditions = hostile_conditions(constant, argument, letter)
    sources = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            codegen, "compile", lambda text, *more: sources.append(text) or compile(text, *more), raising=False
        )
        patch.setattr("falcohost.engine.matcher.FEW", 1000 if few else 0)
        patch.setattr("falcohost.engine.index.indexed.PLACE", place)
        matcher = Matcher([rule(f"{constant}{n}", expr) for n, expr in enumerate(conditions)], first=first)
        matcher.match(Happening(type=letter))
        matcher.candidates(Happening(type=letter))
        compile_condition(conditions[-1])(Happening())

    assert sources
    assert not {word for source in sources for word in foreign_words(source)}


def foreign_words(source):
    """Return the words of *source* that code generation does not write."""
    known = {"def", "return", "if", "else", "not", "is", "and", "or", "in", "None", "True", "False"}
    known |= {"e", "s", "h", "m", "n", "r", "t", "u", "v", "w", "startswith", "endswith", "isdisjoint", "issuperset"}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.string not in known and not re.fullmatch("[fkv][0-9]+", token.string):
            yield token.string
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield token.string
        if token.type == tokenize.NUMBER and not token.string.isdecimal():
            yield token.string
    if not source.isascii():
        yield source


def test_the_search_for_foreign_words_finds_them():
    """The test above would notice a name, a text, a comment and a number that code generation does not write."""
    assert ["os", "'a'", "1.5", "# b"] == list(foreign_words("def f1(e):\n    return os('a', 1.5, 7)  # b\n"))


def test_generated_code_has_no_builtins():
    """Even if something got into the source, it would find nothing to call."""
    module = Module()
    module.condition(compiled("s.text = a"))

    assert {} == module.functions()["__builtins__"]


@pytest.mark.parametrize("chain", [And, Or])
def test_conditions_nest_as_deep_as_the_type_check_allows(chain):
    """Python's parser takes no more than 200 nested brackets; deeper conditions compile all the same."""
    leaf = Exists(CATALOG.resolve("s.text"))
    expr = leaf
    for level in range(190):
        expr = Not(expr) if level % 2 else (Or if chain is And and level % 4 else chain)((expr, leaf))

    for values in ({}, {"s.text": "a"}):
        expected = bool(values)
        for level in range(190):
            kind = Or if chain is And and level % 4 else chain
            given = bool(values)
            expected = (not expected) if level % 2 else ((expected and given) if kind is And else (expected or given))
        assert expected is compile_condition(expr)(Happening(values))


def test_long_chains_compile():
    """A chain of thousands of checks is no deeper than one of two."""
    names = [field.name for field in FIELDS if field.type is FieldType.CHARBUF and not field.arg_required]
    text = " or ".join(f"{name} exists" for name in names * 300)

    assert compile_condition(compiled(text))(Happening()) is True
