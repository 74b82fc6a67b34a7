"""Metadata of rules in the store: there once for all alerts of a rule, as long as one of these is there."""

import sqlite3

import msgspec
import pytest

from falcohost.alert import RuleMetadata
from falcohost.store.arrival import Arrival
from falcohost.store.body import encode
from falcohost.store.database import PAGE
from falcohost.store.history import History, Wanted
from falcohost.store.limits import Limits
from falcohost.store.metadata import by_key
from falcohost.store.store import Store
from falcohost.store.surplus import MOST_LATER, PAUSE
from falcohost.testing.outputs import alert


def of_rule(rule, number=0):
    """Return an alert of a rule."""
    return msgspec.structs.replace(
        alert(rule), id=f"{rule} {number}", metadata=RuleMetadata(description=rule, file="f")
    )


def kept(path):
    """Return how many metadata the file has."""
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT count(*) FROM metadata").fetchone()[0]


def read_again(path):
    """Return the alerts as another store reads them from the file."""
    return [one for _, one in Store(path, Limits()).read(0, 100)]


def test_they_are_there_once(store, path):
    """Many alerts of two rules have two; the file gives each alert its own back, to an agent and to a command."""
    alerts = [of_rule(rule, number) for number in range(10) for rule in ("a", "b")]
    for one in alerts:
        store.append([Arrival("test", [one])])
    store.close()

    assert 2 == kept(path)
    assert alerts == read_again(path)
    assert alerts == list(History(path.parent).alerts(Wanted()))


def test_alerts_that_are_read_again_bring_none(store, path, clock):
    """After a crash a source may bring nothing but alerts that are there already: the store goes on."""
    again = Arrival("test", [of_rule("a")], "1", rewinds=True)
    store.append([again])
    store.close()
    store = Store(path, Limits(), clock=clock)
    store.append([again])
    store.append([Arrival("test", [of_rule("a", 1)], "2", rewinds=True)])
    store.close()

    assert 1 == kept(path)
    assert [of_rule("a"), of_rule("a", 1)] == read_again(path)


def test_alerts_without_have_none(store, path):
    """Those of falcohost itself need no row."""
    store.append([Arrival("test", [alert("a")])])
    store.close()

    assert (0, [alert("a")]) == (kept(path), read_again(path))


def test_alerts_that_came_in_bytes(store, path):
    """Alerts encoded by a worker are stored as they are, with the metadata that came beside them."""
    alerts = [of_rule("a"), of_rule("b")]
    metadata = by_key(one.metadata for one in alerts)
    store.append([Arrival("test", alerts, bodies=[encode(one) for one in alerts], metadata=metadata)])
    store.close()

    assert alerts == read_again(path)


@pytest.mark.parametrize("looks", [0, 1])
def test_those_of_deleted_alerts_go(path, clock, looks):
    """Metadata that no alert uses any more are deleted some time later; those in use stay, however old they are."""
    store = Store(path, Limits(days=1), clock=clock)
    store.append([Arrival("test", [of_rule("old"), of_rule("used")])])
    store.last += 2 * MOST_LATER
    for number in range(looks + 1):
        clock.advance(PAUSE + 1)
        store.append([Arrival("test", [of_rule("used", number + 1)])])
    clock.advance(2 * 86_400)
    store.append([Arrival("test", [of_rule("used", 9)])])
    store.append([Arrival("test", [of_rule("used", 10)])])
    store.close()

    assert 1 == kept(path)
    assert {"used"} == {one.metadata.description for one in read_again(path)}


def test_a_file_that_was_begun_anew_has_them(store, path, clock):
    """Alerts that come when a broken file has been put aside find their metadata in the new one."""
    for begin in (0, 250):
        store.append([Arrival("test", [of_rule("a", begin + number) for number in range(250)])])
    store._disk.query("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xff" * (path.stat().st_size - PAGE))
    store._disk.query("PRAGMA shrink_memory")
    store.append([Arrival("test", [of_rule("a", 500)])])
    clock.advance(1)
    store.append([])
    store.close()

    assert [of_rule("a", 500)] == read_again(path)
