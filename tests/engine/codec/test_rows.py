"""Rulesets as rows: what is written is read again, and rows that no ruleset gives are refused."""

from dataclasses import replace

import msgspec
import pytest
from generated import condition, event
from hypothesis import given, settings
from hypothesis import strategies as st
from world import CATALOG, rule

from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.codec import rows as codec
from falcohost.engine.codec.decode import ruleset
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.codec.rows import (
    AndRow,
    BytesRow,
    CheckRow,
    CodecError,
    ConstRow,
    ExistsRow,
    FieldRow,
    NotRow,
    OrRow,
    PairRow,
    SourceRow,
    TransformRow,
)
from falcohost.engine.matcher import Matcher
from falcohost.engine.ruleset import Ruleset
from falcohost.engine.template import Template
from falcohost.engine.typecheck import check

CATALOGS = {"test": CATALOG}

EXTRA = Template.parse("%s.text", CATALOG, extra_fields=["s.other", ("named", "a %n.int8 b"), "tolower(s.text)"])
SEED = Ruleset(
    (
        rule(
            "r",
            "evt.type in (open, connect) and not s.text startswith oneof (a, b) and (ip.addr=10.0.0.1 or n.double>1 or "
            "ip.net=10.0.0.0/8 or buf.data bcontains 6162 or s.path pmatch (/a, /b) or n.int8<=5 or b.flag=true)",
            "%5s.text of %evt.arg.flags %toupper(s.other) %any.name[1] %s.key['a b']",
            tags=("a", "b"),
            description="d",
            file="rules.yaml",
            exceptions=("known", "other"),
        ),
        replace(
            rule(
                "s",
                "s.text exists and s.text=val(s.other) or getopt(l.texts, 'ab:')[b]=x or len(s.text)>3 "
                "or join(',', (s.text, 'x')) regex 'a.*' or l.texts intersects (a) or concat(s.text, 'y') contains y",
            ),
            output=EXTRA,
            enabled=False,
        ),
    )
)


def through_bytes(row):
    """Return *row* as it comes out of the bytes that it is written as."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=codec.RulesetRow)


def assert_same(before, after):
    """Compare two rulesets; by their rows too, which tell ``1`` from ``true`` and how a field was written."""
    assert before == after
    assert msgspec.msgpack.encode(ruleset_row(before)) == msgspec.msgpack.encode(ruleset_row(after))


def changed(**pools):
    """Return the row of a ruleset of one rule whose condition is the last of *exprs* over *operands*."""
    row = ruleset_row(Ruleset((rule("r", "s.text exists"),)))
    operands, exprs = pools.get("operands", row.sources[0].operands), pools["exprs"]
    row.sources = (SourceRow("test", tuple(operands), tuple(exprs)),)
    row.rules[0].condition = len(exprs) - 1
    return through_bytes(row)


def test_everything_comes_back():
    """Each kind of operand, check, constant and part of an output is the same after it was written and read."""
    assert_same(SEED, ruleset(through_bytes(ruleset_row(SEED)), CATALOGS))


@given(st.randoms(use_true_random=True))
def test_conditions_come_back(random):
    """Any condition is the same after it was written and read, down to the types of its constants."""
    exprs = [check(condition(random), CATALOG).expr for _ in range(3)]
    before = Ruleset(tuple(rule(f"r{number}", expr) for number, expr in enumerate(exprs)))

    assert_same(before, ruleset(through_bytes(ruleset_row(before)), CATALOGS))


def test_equal_conditions_are_one():
    """Equal parts of rules are written once, and are one object when they are read."""
    before = Ruleset(tuple(rule(f"r{number}", "s.text=a and s.other=b") for number in range(3)))
    row = ruleset_row(before)
    after = ruleset(row, CATALOGS)

    assert 3 == len(row.sources[0].exprs)
    assert after.rules[0].condition is after.rules[2].condition


TEXT, LIST, ADDRESS = FieldRow("s.text", None), FieldRow("l.texts", None), FieldRow("ip.addr", None)
NETWORK, NUMBER, KNOWN = FieldRow("ip.net", None), FieldRow("n.int8", None), FieldRow("evt.type", None)
EXISTS = ExistsRow(0)


@pytest.mark.parametrize(
    ("operands", "exprs"),
    [
        ([FieldRow("s.gone", None)], [EXISTS]),
        ([FieldRow("s.index", "x")], [EXISTS]),
        ([FieldRow("evt.arg", None)], [EXISTS]),
        ([ConstRow("a")], [EXISTS]),
        ([TEXT], [ExistsRow(1)]),
        ([TEXT], [EXISTS, NotRow(1)]),
        ([TEXT], [EXISTS, OrRow((0, 2))]),
        ([TEXT], [EXISTS, OrRow((0, 0)), OrRow((1, 0))]),
        ([TEXT], [CheckRow(0, "=", (), None)]),
        ([TEXT], [CheckRow(0, "=", ("a", "b"), None)]),
        ([TEXT], [CheckRow(0, "=", (1,), None)]),
        ([TEXT], [CheckRow(0, "=", ("a" * 256,), None)]),
        ([TEXT], [CheckRow(0, "is", ("a",), None)]),
        ([TEXT], [CheckRow(0, "in", ("a",), "anyof")]),
        ([TEXT], [CheckRow(0, "<", ("a",), "anyof")]),
        ([TEXT], [CheckRow(0, "regex", ("(",), None)]),
        ([KNOWN], [CheckRow(0, "=", ("no such type",), None)]),
        ([NUMBER], [CheckRow(0, "=", (128,), None)]),
        ([NUMBER], [CheckRow(0, "=", (True,), None)]),
        ([NUMBER], [CheckRow(0, "contains", (1,), None)]),
        ([ADDRESS], [CheckRow(0, "=", (BytesRow(b"123"),), None)]),
        ([ADDRESS], [CheckRow(0, "=", ("10.0.0.1",), None)]),
        ([NETWORK], [CheckRow(0, "=", (BytesRow(b"1234"),), None)]),
        ([NETWORK], [CheckRow(0, "=", (BytesRow(b"\x0a\0\0\0\x21"),), None)]),
        ([NETWORK], [CheckRow(0, "=", (BytesRow(b"\x0a\0\0\1\x08"),), None)]),
        ([LIST], [CheckRow(0, "=", ("a",), None)]),
        ([TEXT, NUMBER], [PairRow(0, "=", 1)]),
        ([TEXT, TEXT], [PairRow(0, "regex", 1)]),
        ([TEXT], [PairRow(0, "=", 1)]),
        ([TEXT, TransformRow("b65", (0,), None)], [ExistsRow(1)]),
        ([TEXT, TransformRow("tolower", (), None)], [ExistsRow(1)]),
        ([TEXT, TransformRow("val", (), None)], [ExistsRow(1)]),
        ([TEXT, TransformRow("tolower", (1,), None)], [ExistsRow(1)]),
        ([NUMBER, TransformRow("tolower", (0,), None)], [ExistsRow(1)]),
        ([TEXT, TransformRow("join", (0, 0), None)], [ExistsRow(1)]),
    ],
)
def test_what_no_rule_can_say_is_refused(operands, exprs):
    """Fields, arguments, constants, operators and numbers of rows that no rule gives are an error."""
    with pytest.raises(CodecError):
        ruleset(changed(operands=operands, exprs=exprs), CATALOGS)


def test_what_only_few_rows_need_but_is_huge_is_refused():
    """Rows that share others cannot stand for more checks, or nest deeper, than a condition may."""
    doubled = [EXISTS]
    for number in range(40):
        doubled.append((AndRow if number % 2 else OrRow)((number, number)))
    deep = [EXISTS, *(NotRow(number) for number in range(250))]
    for exprs in (doubled, deep):
        with pytest.raises(CodecError):
            ruleset(changed(exprs=exprs), CATALOGS)


def test_an_operand_nested_without_end_is_refused():
    """A transformer of a transformer of a transformer ends somewhere."""
    operands = [TEXT, *(TransformRow("tolower", (number,), None) for number in range(250))]
    with pytest.raises(CodecError):
        ruleset(changed(operands=operands, exprs=[ExistsRow(250)]), CATALOGS)


def test_another_sources_fields_are_refused():
    """Rules of a source whose fields are not there are an error."""
    with pytest.raises(CodecError):
        ruleset(ruleset_row(SEED), {"other": CATALOG})
    with pytest.raises(CodecError):
        ruleset(ruleset_row(SEED), {"test": Catalog("test", ())})


def mutated(random, data):
    """Return plain *data* with one thing in it that is other than it was."""
    if isinstance(data, list) and data and random.random() < 0.95:
        index = random.randrange(len(data))
        if random.random() < 0.06:
            return data[:index] + data[index + 1 :] if random.random() < 0.5 else [*data[:index], *data[index - 1 :]]
        return [*data[:index], mutated(random, data[index]), *data[index + 1 :]]
    others = [0, 1, -1, 2, 7, 2**40, 1.5, None, True, "", "a", "s.text", "n.int8", "in", "regex", "(", "anyof", b"", []]
    return random.choice([*others, b"1234", [b"12345"], [0], ["a", "b"], {}, "evt.arg.flags", "tolower", "x" * 300])


@given(st.randoms(use_true_random=True))
@settings(max_examples=5 * settings().max_examples)
def test_rows_that_were_tampered_with_run_or_are_refused(random):
    """Any content of the rows is refused, or gives a ruleset that runs like any other."""
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(ruleset_row(SEED)))
    for _ in range(random.randint(1, 2)):
        plain = mutated(random, plain)
    try:
        row = msgspec.msgpack.decode(msgspec.msgpack.encode(plain), type=codec.RulesetRow)
        found = ruleset(row, CATALOGS)
    except (CodecError, msgspec.MsgspecError):
        return
    happening = event(random, [one.condition for one in found.rules])
    Matcher(found.rules).match(happening)
    for one in found.rules:
        compile_condition(one.condition)(happening)
        one.output.message(happening)
        one.output.values(happening)
        assert one.output.fields is not None
    assert_same(found, ruleset(ruleset_row(found), CATALOGS))
