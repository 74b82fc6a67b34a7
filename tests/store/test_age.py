"""Age: alerts become old as time passes, and not because somebody sets a clock."""

import pytest

from falcohost.store import age
from falcohost.store.age import MOST_OFF, Age
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.clock import ManualClock

DAY = 86_400


class SetClock(ManualClock):
    """A clock whose time of day can be set."""

    ahead = 0

    def time_ns(self):
        """Return the time of day."""
        return super().time_ns() + self.ahead * 10**9


@pytest.fixture
def clock():
    """Return a clock."""
    return SetClock()


@pytest.mark.parametrize("ahead", [31 * DAY, 10**9, -31 * DAY])
def test_a_clock_that_is_set(path, clock, arrival, names, ahead):
    """A clock that is 31 days ahead, or back, deletes nothing; what is stored meanwhile becomes old in its time."""
    store = Store(path, Limits(), clock=clock)
    store.append([arrival("a")])
    clock.ahead = ahead
    clock.advance(100)
    store.append([arrival("b")])
    clock.ahead = 0
    clock.advance(100)
    store.append([arrival("c")])
    assert ["a", "b", "c"] == names(store)

    clock.advance(30 * DAY - 150)
    store.append([arrival("d")])
    assert ["b", "c", "d"] == names(store)


@pytest.mark.parametrize("ahead", [31 * DAY, -31 * DAY])
def test_a_restart_of_the_agent(path, clock, arrival, names, ahead):
    """The agent goes on by the monotonic clock where the time of day was set meanwhile."""
    store = Store(path, Limits(), clock=clock)
    store.append([arrival("a")])
    store.close()
    clock.ahead = ahead
    clock.advance(DAY)
    again = Store(path, Limits(), clock=clock)
    again.append([arrival("b")])
    assert ["a", "b"] == names(again)

    clock.advance(29 * DAY + 1)
    again.append([arrival("c")])
    assert ["b", "c"] == names(again)


def test_a_restart_of_the_machine(path, clock, arrival, names, monkeypatch):
    """Over a restart of the machine the time of day counts, but for a day at most."""
    monkeypatch.setattr(age, "boot_id", lambda: "one")
    store = Store(path, Limits(), clock=clock)
    store.append([arrival("a")])
    monkeypatch.setattr(age, "boot_id", lambda: "two")
    later = SetClock(clock.time_ns() + 10**9 * 1000 * DAY)
    again = Store(path, Limits(), clock=later)
    again.append([arrival("b")])
    assert ["a", "b"] == names(again)

    later.advance(29 * DAY + 1)
    again.append([arrival("c")])
    assert ["b", "c"] == names(again)


def test_events_of_any_time_age_alike(path, clock, names):
    """The time that an event claims has no influence."""
    import msgspec

    from falcohost.store.arrival import Arrival
    from falcohost.testing.outputs import alert

    store = Store(path, Limits(), clock=clock)
    for time in (0, 2**63 - 1, -(2**63)):
        store.append([Arrival("source", [msgspec.structs.replace(alert("x"), id=str(time), time=time)])])
    clock.advance(29 * DAY)
    store.append([])
    store.answer("x", 0)
    assert 3 == len(names(store))


def test_no_boot_is_known(clock, monkeypatch, tmp_path):
    """Where /proc is missing each start counts as one of the machine."""
    monkeypatch.setattr(age, "_BOOT_ID", tmp_path / "missing")
    monkeypatch.setattr(age, "boot_id", age.boot_id.__wrapped__)
    first = Age(None, None, clock)
    reading = first.reading()
    clock.advance(10 * DAY)
    second = Age(reading, None, clock)

    assert ("", MOST_OFF) == (reading.boot, second.now() - first.now() + 10 * DAY)
