"""The law of waiting: whatever comes when, the alerts are those of the rows that came in time, and in order."""

from __future__ import annotations

from assets import WAIT, Happening, Run
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.code.module import compile_condition

STEPS = 10

CONDITIONS = (
    "machine.owner = bob",
    "not machine.owner = bob",
    "it.what = login and not (machine.owner = eve or it.site = north)",
    "it.what = read",
    "it.site = north or it.what = write",
    "not it.site exists and not machine.owner in (bob, eve)",
)

hosts = st.sampled_from(["web", "db", "mail"])
happenings = st.builds(
    Happening,
    who=st.sampled_from(["ann", "eve", "joe", None]),
    what=st.sampled_from(["login", "read", "write"]),
    host=hosts,
    site=st.sampled_from([None, None, "north"]),
)
rows = st.dictionaries(st.sampled_from(["owner", "site"]), st.sampled_from(["bob", "eve", "north"]))
steps = st.one_of(
    st.tuples(st.just("events"), st.lists(happenings, max_size=3)),
    st.tuples(st.just("row"), st.tuples(hosts, rows)),
    st.tuples(st.just("time"), st.floats(0.1, WAIT)),
)


class Expected:
    """The expected alerts: each event is decided by a row that is there or comes in time, or else by no row."""

    def __init__(self, run, rules):
        self.run = run
        self.rules = rules
        self.waiting = []
        self.told = {}

    def look(self):
        """Decide what was not decided, for which the row has come or the time is over."""
        for event, until in list(self.waiting):
            if event.host in self.run.machines.rows or self.run.clock.monotonic() >= until:
                self.waiting.remove((event, until))
                self.told[event.num] = self._matching(event)

    def _matching(self, event):
        answered = dict(self.run.machines.rows)
        self.run.machines.rows.setdefault(event.host, None)
        found = [name for name, holds in self.rules if holds(event)]
        self.run.machines.rows = answered
        return found[:1] if self.run.rules.first else found


@given(
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=4),
    st.booleans(),
    st.lists(steps, min_size=STEPS, max_size=STEPS * 2),
)
def test_alerts_are_those_of_the_rows_that_came_in_time(conditions, first, steps):
    """Each match is told once, in the order of its actor, before the cursor of its batch; nothing else is told."""
    run = Run(*conditions, first=first)
    exprs = [rule.condition for rule in run.ruleset]
    rules = [(str(number), compile_condition(expr)) for number, expr in enumerate(exprs, 1)]
    expected, events, batches, told = Expected(run, rules), {}, [], []
    for what, given_ in (*steps, ("time", WAIT), ("events", [])):
        if what == "time":
            run.clock.advance(given_)
        elif what == "row" and given_[0] not in run.machines.rows:
            run.machines.answer(given_[0], **given_[1])
        elif what == "events":
            for event in given_:
                event.num = len(events) + 1
                events[event.num] = event
                expected.waiting.append((event, run.clock.monotonic() + WAIT))
            batches.append([event.num for event in given_])
            expected.look()
            told += run.take(*given_, cursor=str(len(batches)))

    assert {(num, name) for num, names in expected.told.items() for name in names} == {
        (int(text.split()[2]), text.split()[0]) for text in told if not text.startswith("cursor")
    }
    assert len(set(told)) == len(told)
    assert in_order(told, events, batches)


def in_order(told, events, batches):
    """Tell whether the alerts of each actor are in the order of events, and before the cursor of their batch."""
    last, reached = {}, 0
    for text in told:
        if text.startswith("cursor"):
            number = int(text.split()[1])
            assert number == reached + 1
            reached = number
            continue
        num = int(text.split()[2])
        who = events[num].who
        assert who is None or num >= last.get(who, 0)
        assert all(num not in batch for batch in batches[:reached])
        last[who] = num
    return reached == len(batches)
