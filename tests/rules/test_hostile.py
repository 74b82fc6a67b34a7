"""Files that mean harm, or that a slip of the pen has spoiled: errors, never a traceback, never a hang."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.rules.loader import load_rules
from falcohost.rules.people import for_people, problem_for_people
from falcohost.rules.places import RulesFile
from falcohost.rules.report import as_json, verbose_text

SEED = """
- required_engine_version: 0.50.0
- list: shells
  items: [bash, "my sh", 5]
- macro: opened
  condition: evt.num>1 and evt.source in (shells)
- rule: r
  desc: >
    folded
    text
  condition: |
    opened and not evt.source startswith oneof (a, "b c") # comment
    or evt.source="it's"
  output: "%evt.num %toupper(evt.source)"
  priority: INFO
  tags: [a, b]
  exceptions:
    - name: e
      fields: [evt.num, evt.source]
      comps: [=, in]
      values: [[1, [a, b]]]
- rule: r
  condition: and evt.num<9
  override: {condition: append}
"""
CATALOGS = {"syscall": Catalog("syscall", GENERIC_FIELDS)}


def _load_and_tell(text):
    """Load *text* and write everything that there is to say, within two seconds of this thread's work."""
    begun = time.thread_time()
    result = load_rules([RulesFile("rules.yaml", text)], CATALOGS).results[0]
    for_people(result)
    for problem in result.warnings:
        problem_for_people(problem)
    verbose_text(result)
    as_json(result)
    assert time.thread_time() - begun < 2
    return result


def test_the_seed_is_good():
    """The unmutated rules are accepted, so that the mutations reach everything."""
    assert _load_and_tell(SEED).ok


_CUTTINGS = st.sampled_from(
    [
        *"[]{}:-#&*!|>'\"%@`,\\\n\t \x00\ufeffé~",
        "- ",
        ": ",
        "\n  ",
        "null",
        "(",
        ")",
        "and ",
        "or(",
        "not ",
        "in ",
        "oneof ",
    ]
)


@given(st.lists(st.tuples(st.integers(0, len(SEED)), st.integers(0, 12), _CUTTINGS), min_size=1, max_size=4))
def test_mutated_files(mutations):
    """However a file is spoiled, loading it ends in a result."""
    text = SEED
    for place, length, cutting in mutations:
        text = text[:place] + cutting + text[place + length :]

    _load_and_tell(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "proc.name",
                "[",
                "]",
                "'",
                '"',
                "\\",
                "(",
                ")",
                ",",
                "=",
                "in ",
                "and ",
                "not ",
                "a",
                "5",
                " ",
                "val(",
                "len(",
            ]
        ),
        max_size=30,
    )
)
def test_random_conditions(parts):
    """Any text is a condition, or is refused with a place inside of it."""
    text = "".join(parts)
    try:
        parse(text)
    except ConditionSyntaxError as error:
        assert 0 <= error.pos.offset <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "a.b=x and " * 30_000 + "a.b=x",
        "a.b in (" + "x," * 100_000 + "x)",
        'a.b="' + '\\"' * 200_000,
        "a.b in ('" + "x'y" * 100_000,
        "not " * 100_000 + "a",
        "(" * 100_000,
        "or" * 100_000,
        "a.b[" + "x" * 100_000,
        "a." * 100_000,
    ],
    ids=["checks", "values", "escapes", "quotes", "nots", "brackets", "words", "argument", "dots"],
)
@pytest.mark.timeout(120)
def test_long_conditions(text):
    """Reading a long condition takes time in proportion to its length."""
    try:
        parse(text)
    except ConditionSyntaxError as error:
        assert error.message


@pytest.mark.parametrize(
    "output",
    [
        "%evt." + "flag." * 200 + "s",
        "%evt.num." + "a." * 20_000,
        "%" + "tolower(" * 5_000 + "evt.source",
        "%evt.num" * 20_000,
    ],
    ids=["words", "dots", "transformers", "fields"],
)
@pytest.mark.timeout(120)
def test_long_outputs(output):
    """Reading a long output takes time in proportion to its length, whatever it is made of."""
    _load_and_tell(SEED.replace("%evt.num %toupper(evt.source)", output))


def test_deep_yaml():
    """YAML that nests without end is refused."""
    for text in ("[" * 100_000, "- " * 100_000, "{a: " * 100_000):
        assert ["LOAD_ERR_YAML_PARSE"] == [problem.code.name for problem in _load_and_tell(text).errors]


def test_aliases_that_blow_each_other_up():
    """A billion laughs make nobody laugh."""
    text = "- list: a\n  items: &a0 [x]\n"
    text += "".join(f"- list: a\n  items: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))

    assert not _load_and_tell(text).ok


@given(st.randoms(use_true_random=True))
def test_characters_replaced(chance):
    """However characters of a file are replaced, loading it ends in a result."""
    text = list(SEED)
    for _ in range(chance.randrange(1, 6)):
        text[chance.randrange(len(text))] = chance.choice("[]{}:-#&*!|>'\"%,\\\n ()=")

    _load_and_tell("".join(text))
