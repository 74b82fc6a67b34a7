"""Shares of a store that is full: a flood deletes alerts of its own rule, and nobody's who has less than a share."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.alert import Priority
from falcohost.store import arrival
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.shares import Place, fair, surplus
from falcohost.store.store import Store
from falcohost.testing.outputs import alert


def of(source="syscall", priority=Priority.NOTICE, rule="flood", size=2000, **values):
    """Return an alert of that many bytes."""
    return msgspec.structs.replace(
        alert("x" * size),
        source=source,
        priority=priority,
        rule=rule,
        message="",
        output="",
        tags=("x" * size,),
        **values,
    )


def stored(store):
    """Return how many alerts of each source, priority and rule there are."""
    return Counter((one.source, one.priority, one.rule) for _, one in store.read(0, 100_000))


@pytest.fixture
def full(path, clock):
    """Return a store of one MiB, and a function that floods it: with as many MiB of one kind of alert."""
    store = Store(path, Limits(megabytes=1), clock=clock)

    def flood(megabytes, **kind):
        for _ in range(megabytes * 5):
            clock.advance(1)
            store.append([Arrival(kind.get("source", "syscall"), [of(**kind)] * 100)])

    return store, flood


def test_a_flood_of_one_source_keeps_all_of_others(full):
    """18 large requests to a webhook do not delete the one alert of another source, nor its own severe ones."""
    store, flood = full
    early = [of(rule="shell"), of("k8saudit", Priority.CRITICAL, "secrets read"), of("k8saudit", rule="pod created")]
    store.append([Arrival(one.source, [one]) for one in early])
    flood(18, source="k8saudit", rule="noise")

    kept = stored(store)
    for one in early:
        assert 1 == kept[one.source, one.priority, one.rule]
    assert kept["k8saudit", Priority.NOTICE, "noise"] > 100


def test_the_largest_gives_first(full):
    """Who had the whole file gives as much as others need, up to an equal share."""
    store, flood = full
    flood(4, source="a")  # more than are in memory
    before = stored(store).total()
    flood(2, source="b")

    kept = stored(store)
    assert kept["a", Priority.NOTICE, "flood"] == pytest.approx(before / 2, rel=0.25)


def test_the_oldest_of_a_rule_go_first(full):
    """Of a flood its newest alerts stay."""
    store, flood = full
    store.append([Arrival("syscall", [of(time=1)])])
    flood(3)
    store.append([Arrival("syscall", [of(time=2)])])

    times = [one.time for _, one in store.read(0, 100_000)]
    assert 2 == times[-1]
    assert 1 not in times


def test_large_alerts_do_not_wait_for_the_next_minute(path, clock):
    """The file does not grow far beyond its limit between two looks."""
    store = Store(path, Limits(megabytes=4), clock=clock)
    for number in range(200):
        store.append([Arrival("syscall", [of(size=200_000, rule=str(number))])])

    store.close()
    assert path.stat().st_size < 8 << 20


def test_a_file_is_not_larger_than_twice_its_limit(path, clock):
    """Also where those who keep all they have are spread among those who do not."""
    store = Store(path, Limits(megabytes=1), clock=clock)
    for number in range(300):
        clock.advance(1)
        store.append([Arrival("s", [of("s", rule=f"r{one % 40}", size=400 if one % 3 else 3000) for one in range(60)])])
        assert number < 20 or store.read(0, 1)

    store.close()
    assert path.stat().st_size < 2 << 20


def test_counting_copies_no_alert(path, clock):
    """A store that counts what it has, and deletes some of it, takes no memory for the rest."""
    store = Store(path, Limits(megabytes=100), clock=clock)
    for number in range(80):
        store.append([Arrival("s", [of("s", rule=f"r{number % 9}", size=4000)] * 100)])
    store.close()
    assert path.stat().st_size > 32 << 20
    Path("/proc/self/clear_refs").write_text("5")  # the most memory is what there is now
    before = most_memory()

    store = Store(path, Limits(megabytes=24), clock=clock)
    store.append([Arrival("s", [of("s")])])
    grown = most_memory() - before
    assert len(store.read(0, 100_000)) < 6500
    assert grown < 12 << 20


def most_memory():
    """Return the most bytes that this process had."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) << 10


def test_counting_goes_on_after_a_failure(full, clock):
    """A disk that fails while alerts are deleted changes nothing of who has how much."""
    store, flood = full
    flood(2)
    store._disk.change(lambda connection: connection.execute("PRAGMA query_only = 1"))
    flood(1, source="other")
    store._disk.change(lambda connection: connection.execute("PRAGMA query_only = 0"))
    clock.advance(100)
    flood(2, source="other")

    assert {("syscall", Priority.NOTICE, "flood"), ("other", Priority.NOTICE, "flood")} == set(stored(store))


def test_what_waits_for_the_disk_has_shares_too(path, clock, monkeypatch):
    """While the disk takes nothing, a flood gives up its own alerts in memory."""
    monkeypatch.setattr(arrival, "MOST_UNWRITTEN", 1000)
    monkeypatch.setattr(arrival, "MOST_UNWRITTEN_BYTES", 1 << 20)
    store = Store(path, Limits(), clock=clock)
    store.subscribe("output")
    store._disk.change(lambda connection: connection.execute("PRAGMA query_only = 1"))
    store.append([Arrival("other", [of("other")])])
    for _ in range(30):
        store.append([Arrival("syscall", [of()] * 100)])

    assert store.unwritten < 600
    assert 1 == stored(store)["other", Priority.NOTICE, "flood"]
    assert 1500 < store.lost < 3001


SIZES = st.dictionaries(
    st.builds(Place, st.sampled_from("abc"), st.integers(0, 7), st.sampled_from("xyz")), st.integers(0, 10_000)
)


@given(SIZES, st.integers(0, 100_000))
def test_shares(used, room):
    """What is kept fits; who has less than an equal part at each level loses nothing; nothing goes without need."""
    above = surplus(used, room)
    kept = {place: size - above.get(place, 0) for place, size in used.items()}

    assert sum(kept.values()) <= max(room, 0)
    assert all(0 <= size for size in kept.values())
    if sum(used.values()) <= room:
        assert not above
    sources = len({place.source for place in used})
    for place, size in used.items():
        priorities = len({other.priority for other in used if other.source == place.source})
        rules = len({other.rule for other in used if other[:2] == place[:2]})
        if size <= room // sources // priorities // rules - 3:
            assert place not in above


@given(st.dictionaries(st.integers(), st.integers(0, 1000), min_size=1), st.integers(0, 5000))
def test_fair(used, room):
    """Room is used up unless all have what they want, and nobody above gets more than another."""
    parts = fair(used, room)

    assert sum(parts.values()) == min(room, sum(used.values()))
    cut = [part for key, part in parts.items() if part < used[key]]
    assert not cut or max(parts.values()) - min(cut) <= 1
