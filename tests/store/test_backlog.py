"""What waits for an output: of what it gets, behind its mark; also after a restart, and when alerts are lost."""

import random

import msgspec
import pytest

from falcohost.alert import Priority
from falcohost.store import backlog, store
from falcohost.store.arrival import Arrival
from falcohost.store.backlog import Backlogs, Behind
from falcohost.store.body import Kind, encode
from falcohost.store.limits import Limits
from falcohost.store.row import Row
from falcohost.store.store import Store
from falcohost.subscribers.selection import Selection
from falcohost.testing.outputs import alert

ERRORS = Selection(Priority.ERROR).wants


def one(number, level=Priority.ERROR):
    """Return an alert."""
    return msgspec.structs.replace(alert(f"{level.name}"), id=f"{number}", priority=level, rule=level.name)


def row(number, level=Priority.ERROR, held=""):
    """Return an alert as it is stored."""
    return Row(number, False, one(number, level), encode(one(number, level)), held)


@pytest.fixture
def started(path, clock):
    """Return a function that opens the store, with both outputs."""

    def started(**options):
        opened = Store(path, Limits(**options), clock=clock, wants={"errors": ERRORS})
        for name in ("errors", "all"):
            opened.subscribe(name)
        return opened

    return started


def append(to, *levels):
    """Store an alert of each of these levels."""
    for level in levels:
        to.append([Arrival("source", [one(to.last + 1, level)])])


def test_only_what_an_output_gets(started):
    """It is counted as it comes, and no longer when the mark has passed it; what is left out never waits."""
    opened = started()
    append(opened, Priority.NOTICE, Priority.ERROR, Priority.NOTICE, Priority.ERROR, Priority.NOTICE)

    assert {"errors": Behind(2, 2), "all": Behind(5, 1)} == opened.behind_by
    opened.answer("errors", 2)
    opened.answer("all", 4)
    assert {"errors": Behind(1, 4), "all": Behind(1, 5)} == opened.behind_by
    opened.answer("errors", 4)
    assert Behind() == opened.behind_by["errors"]


def test_after_a_restart(started, monkeypatch):
    """What was stored before is counted, too: some of it at once, the rest bit by bit, beside what comes new."""
    monkeypatch.setattr(store, "COUNTED", 2)
    opened = started()
    append(opened, *[Priority.NOTICE, Priority.ERROR] * 5)
    opened.answer("all", 9)
    opened.close()
    opened = started()

    assert Behind(8, 2) == opened.behind_by["errors"]  # two of the first four, and those not counted yet
    append(opened, Priority.NOTICE, Priority.ERROR)
    for _ in range(6):
        opened.tend()
    assert {"errors": Behind(6, 2), "all": Behind(3, 10)} == opened.behind_by


def test_what_is_deleted_waits_no_more(started, clock):
    """An alert that is deleted is lost only if it has waited for an output that gets it."""
    opened = started(days=1)
    append(opened, *[Priority.NOTICE] * 9, Priority.ERROR)
    opened.answer("all", 10)
    clock.advance(3 * 86_400)
    append(opened, Priority.ERROR)

    assert (1, Behind(1, 11)) == (opened.lost, opened.behind_by["errors"])


def test_silenced_alerts_wait_for_nobody():
    """What is held back is not counted."""
    backlogs = Backlogs()
    backlogs.begin("output", 0, 0)
    backlogs.add([row(1, held="silence 1"), row(2), row(3, held="silence 1")])

    assert {"output": Behind(1, 2)} == backlogs.behind()


@pytest.mark.parametrize("most", [64, 4096])
def test_as_counted_one_by_one(most, monkeypatch):
    """Whatever comes, is taken and is lost: the number is that of those left; where much is remembered, nearly so."""
    monkeypatch.setattr(backlog, "MOST_STRETCHES", most)
    dice = random.Random(most)
    backlogs = Backlogs({"errors": lambda kind: kind.priority <= Priority.ERROR})
    stored = [Kind("source", "a", dice.choice([Priority.ERROR, Priority.NOTICE])) for _ in range(100)]
    backlogs.begin("errors", 20, len(stored))
    waiting = [number for number, kind in enumerate(stored, 1) if number > 20 and kind.priority == Priority.ERROR]
    while backlogs.count(lambda after, until, most: [*enumerate(stored, 1)][after : min(until, after + most)], 7):
        pass
    last = len(stored)
    for _ in range(3000):
        what = dice.random()
        if what < 0.7:
            last += dice.choice([1, 1, 5])
            level = dice.choice([Priority.ERROR, Priority.NOTICE])
            backlogs.add([row(last, level)])
            waiting += [last] if level == Priority.ERROR else []
        elif what < 0.75 and waiting:
            backlogs.move("errors", mark := dice.choice(waiting[: len(waiting) // 2 + 1]))
            waiting = [number for number in waiting if number > mark]
        elif most == 4096 and waiting:
            number = dice.choice(waiting)
            assert 1 == backlogs.lose([number])
            assert 0 == backlogs.lose([number])
            waiting.remove(number)
        found = backlogs.behind()["errors"]
        if most == 4096:
            assert Behind(len(waiting), waiting[0] if waiting else 0) == found
        else:
            assert abs(len(waiting) - found.count) <= len(waiting) / 2 + 1
    backlogs.move("errors", last)
    assert Behind() == backlogs.behind()["errors"]
