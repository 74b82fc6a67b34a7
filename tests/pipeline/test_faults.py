"""Events on which a rule fails: who is to blame, and what it may cost."""

from falcohost.clock import SYSTEM
from falcohost.engine.catalog import Catalog
from falcohost.events import Batch
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.pipeline.pipeline import Pipeline
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.tally import ASKED
from falcohost.rules.loader import LoadOptions, load_rules
from falcohost.rules.places import RulesFile
from falcohost.testing.clock import ManualClock


class Event:
    """An event with a number."""

    def __init__(self, num):
        self.num, self.ts, self.type, self.key, self.alternatives = num, num, "test", str(num), ()


class Sink:
    """Keeps what comes."""

    def __init__(self):
        self.rewinds, self.added = False, []

    def add(self, alert):
        """Keep it."""
        self.added.append(alert)

    def flush(self, cursor):
        """Do nothing."""


def _odd(event, arg):
    if event.num % 2:
        raise ValueError(f"{event.num} is odd")
    return event.num


FIELDS = (
    Field(name="t.num", type=FieldType.UINT64, description="It.", get=lambda event, arg: event.num),
    Field(name="t.odd", type=FieldType.UINT64, description="It.", get=_odd, arg=ArgKind.KEY),
)

RULES = """
- {rule: Bad, desc: d, condition: "t.num > 0 and t.odd[x] > 0", output: o, priority: INFO, source: t}
- {rule: Good, desc: d, condition: "t.num > 0", output: o, priority: INFO, source: t}
"""


def pipeline(clock=SYSTEM):
    """Return a pipeline with both rules, and its sink."""
    loaded = load_rules([RulesFile("rules.yaml", RULES)], {"t": Catalog("t", FIELDS)}, LoadOptions())
    assert loaded.ok, loaded.results[0].errors
    sink = Sink()
    rules = Rules.compiled("t", loaded.ruleset.enabled("t"), first=False)
    return Pipeline(rules, lambda rule, event: (rule.name, event.num), sink, clock=clock), sink


def test_the_field_is_named_with_its_argument(caplog):
    """The log names rule and field; the other rule fires."""
    one, sink = pipeline()
    one.take(Batch([Event(1), Event(2)], "cursor"))

    assert [("Good", 1), ("Bad", 2), ("Good", 2)] == sink.added
    assert 1 == one.tally.failed
    (said,) = caplog.messages
    assert said.startswith(
        "rule 'Bad' could not be evaluated on a test event (1 so far), because of the field t.odd[x]: ValueError: 1 is"
    )


def test_a_flood_of_failures_costs_no_more(caplog):
    """Beyond so many a second they are counted, and nobody asks which rule it was; nothing is silent."""
    one, sink = pipeline(clock := ManualClock())
    one.take(Batch([Event(2 * number + 1) for number in range(ASKED + 50)], "cursor"))
    clock.advance(1)
    one.take(Batch([Event(1001)], "cursor"))
    one.finish()

    assert ASKED + 51 == one.tally.failed
    assert ASKED + 1 == len(sink.added)
    assert {"Bad (t.odd[x])": ASKED + 1, "rules that were not asked for": 50} == one.tally.faults


def test_a_rule_that_keeps_failing_is_told_of_again(caplog):
    """A rule that keeps failing is told of again, with its number, when some time has passed."""
    one, _ = pipeline(clock := ManualClock())
    for number in range(0, 100, 2):
        one.take(Batch([Event(number + 1)], "cursor"))
        clock.advance(1)

    assert [1, 11, 21, 31, 41] == [int(said.split("(")[1].split(" ")[0]) for said in caplog.messages]
