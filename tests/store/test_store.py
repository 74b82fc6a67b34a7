"""The store: what is written once stays, is read in order, comes once, and survives a disk that is full or broken."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import deque

import msgspec
import pytest

from falcohost.errors import StateError
from falcohost.store.arrival import Arrival
from falcohost.store.directory import claim, state_directory
from falcohost.store.limits import Limits
from falcohost.store.store import Store, open_store
from falcohost.testing.outputs import alert


@pytest.fixture
def path(tmp_path):
    """Return where the file is."""
    return tmp_path / "state.db"


@pytest.fixture
def store(path):
    """Return an empty store."""
    return Store(path, Limits())


def arrival(*names, cursor=None, rewinds=True, **options):
    """Return alerts whose ids are *names*."""
    alerts = [msgspec.structs.replace(alert(name), id=name, source="source") for name in names]
    return Arrival("source", alerts, cursor, rewinds, **options)


def names(store, after=0, most=100):
    """Return the ids of what is stored."""
    return [one.id for _, one in store.read(after, most)]


def test_alerts_are_read_in_order(store, path):
    """Alerts come back as they were, in their order, from any number on, also after a restart."""
    store.append([arrival("a", "b"), arrival("c")])
    store.append([arrival("d")])

    assert names(store) == ["a", "b", "c", "d"]
    assert names(store, after=1, most=2) == ["b", "c"]
    assert names(Store(path, Limits()), after=2) == ["c", "d"]
    assert store.read(0, 1)[0][1] == arrival("a").alerts[0]


def test_an_alert_comes_once(store, path):
    """What a source delivers again after its cursor was lost is not stored, nor returned as new, again."""
    first = store.append([arrival("a", "b", cursor="1"), arrival("b")])
    again = Store(path, Limits()).append([arrival("b", "c", cursor="2")])

    assert [one.id for one in first.alerts] == ["a", "b"]
    assert [one.id for one in again.alerts] == ["c"]
    assert again.cursors == {"source": "2"}


def test_a_source_without_cursors_may_repeat_itself(store):
    """Where nothing can be read again, an equal id is another event: it is stored."""
    store.append([arrival("a", rewinds=False)])
    store.append([arrival("a", rewinds=False)])

    assert names(store) == ["a", "a"]


def test_the_cursor_is_kept(store, path):
    """The cursor is there after a restart; only a written one is returned for acknowledgement."""
    assert store.cursor("source") is None
    assert store.append([arrival("a", cursor="7")]).cursors == {"source": "7"}
    assert store.append([arrival("b")]).cursors == {}

    assert (store.cursor("source"), Store(path, Limits()).cursor("source")) == ("7", "7")


def test_a_source_that_has_ended_begins_anew(store, path):
    """After the end of a finite source its cursor is gone, and reading it again gives its alerts again."""
    store.append([arrival("a", cursor="7"), arrival(ended=True)])
    again = Store(path, Limits())

    assert (store.cursor("source"), again.cursor("source")) == (None, None)
    assert [one.id for one in again.append([arrival("a")]).alerts] == ["a"]


def test_marks_are_kept(store, path):
    """An output goes on behind what it has; a new one begins behind what is there already."""
    store.append([arrival("a", "b", "c")])
    assert store.mark("old") == 3
    store.set_mark("old", 1)

    again = Store(path, Limits())

    assert (again.mark("old"), again.mark("new")) == (1, 3)


def test_the_latest_are_read_from_memory(store, monkeypatch):
    """An output that keeps up reads no file; one that is behind reads it, and nobody can tell."""
    monkeypatch.setattr(store, "_latest", deque(maxlen=4))
    store.append([arrival(*"abcdefgh")])
    statements = []
    store._connection.set_trace_callback(statements.append)

    for after in range(4, 9):
        assert names(store, after, 2) == list("abcdefgh"[after : after + 2])
    assert [] == statements
    for after in range(4):
        assert names(store, after) == list("abcdefgh"[after:])
    assert 4 == len(statements)


def test_memory_is_given_back_when_every_output_is_done(store):
    """What all outputs have is no longer kept in memory, and still in the file."""
    assert 0 == store.mark("fast") == store.mark("slow")
    store.append([arrival("a", "b", "c")])
    store.set_mark("slow", 1)
    store.set_mark("fast", 3)

    assert ["b", "c"] == [row.alert.id for row in store._latest]
    store.set_mark("slow", 3)
    assert not store._latest
    assert names(store) == ["a", "b", "c"]


def test_old_alerts_are_deleted(store, path, caplog):
    """What is older than the limit goes; what an output never had of it is counted."""
    store.mark("output")
    store.append([arrival("a", "b")])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alerts SET stored = ? WHERE id = 'a'", (int(time.time()) - 2 * 86_400,))
    connection.commit()

    later = Store(path, Limits(days=1))
    later.mark("output")
    later.append([arrival("c")])

    assert names(later) == ["b", "c"]
    assert later.lost == 1
    assert "1 alerts that an output never took are given up" in caplog.text


def test_size_is_bounded(path):
    """The oldest alerts go when the file is full, so that it stays about as large as it may be."""
    store = Store(path, Limits(megabytes=1))
    big = alert("x" * 2000)
    for number in range(40):
        store._prune_at = 0
        store.append([Arrival("source", [msgspec.structs.replace(big, id=f"{number}.{n}") for n in range(50)])])

    assert path.stat().st_size < 3 << 20
    assert names(store, most=10_000)[-1] == "39.49"
    assert 0 < len(names(store, most=10_000)) < 2000


def test_a_full_disk_loses_nothing(store, path, caplog):
    """While the file takes nothing alerts are read from memory and no cursor is acknowledged; then all is written."""
    store.append([arrival("a", cursor="1")])
    store._connection.execute("PRAGMA max_page_count = 1")  # sqlite.org/pragma.html: the least is what there is
    big = [msgspec.structs.replace(alert("x" * 5000), id=f"big{number}") for number in range(20)]

    refused = store.append([Arrival("source", big, "2", rewinds=True)])
    assert len(refused.alerts) == 20
    assert (refused.cursors, store.cursor("source"), store.behind) == ({}, "1", True)
    assert names(store) == ["a", *(one.id for one in big)]
    assert store.append([Arrival("source", big, "2", rewinds=True)]).alerts == []
    assert "database or disk is full" in caplog.text

    store._connection.execute("PRAGMA max_page_count = 1000000")
    store._retry_at = 0
    assert store.append([]).cursors == {"source": "2"}
    assert names(Store(path, Limits())) == ["a", *(one.id for one in big)]


def test_a_broken_file_is_put_aside(path, caplog):
    """A file that is no database is kept under another name, told, and a new one begun."""
    path.write_bytes(b"no database at all" * 1000)

    store = Store(path, Limits())
    store.append([arrival("a")])

    assert names(store) == ["a"]
    assert [file.read_bytes()[:11] for file in path.parent.glob("state.db.broken-*")] == [b"no database"]
    assert "is broken (file is not a database)" in caplog.text


def test_a_file_that_breaks_while_it_is_used(store, path):
    """Damage under a running agent costs what was stored before, and nothing of what comes."""
    store.append([arrival(*map(str, range(500)))])
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    store._connection.execute("PRAGMA shrink_memory")

    store.append([arrival("new", cursor="1")])
    store._retry_at = 0
    store.append([])

    assert names(Store(path, Limits()))[-1:] == ["new"]


def test_one_agent_at_a_time(tmp_path, caplog):
    """A second agent on the same directory keeps its state in memory, and says so."""
    first = open_store(str(tmp_path / "state"), Limits())
    second = open_store(str(tmp_path / "state"), Limits())

    assert (first.kept, second.kept) == (True, False)
    assert "is in use by another falcohost; this run keeps its state in memory only" in caplog.text
    first.close()
    assert open_store(str(tmp_path / "state"), Limits()).kept


def test_a_directory_that_others_can_write(tmp_path):
    """A directory in which another user could replace the file is not used."""
    tmp_path.chmod(0o777)

    with pytest.raises(StateError, match=r"other users can write to the state directory .*; chmod go-w it"):
        claim(tmp_path)


def test_a_directory_that_cannot_be_made(tmp_path):
    """What is in the way is a sentence."""
    (tmp_path / "file").touch()

    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        claim(tmp_path / "file" / "state")


def test_where_the_state_is(monkeypatch):
    """The configuration comes first, then our variable, then systemd's."""
    monkeypatch.setenv("FALCOHOST_STATE_DIR", "/b")
    monkeypatch.setenv("STATE_DIRECTORY", "/c:/d")

    assert str(state_directory("/a")) == "/a"
    assert str(state_directory()) == "/b"
    monkeypatch.delenv("FALCOHOST_STATE_DIR")
    assert str(state_directory()) == "/c"
    monkeypatch.delenv("STATE_DIRECTORY")
    assert str(state_directory()) == "/var/lib/falcohost"


WRITER = """
import sys
from pathlib import Path
from falcohost.store.limits import Limits
from falcohost.store.arrival import Arrival
from falcohost.store.store import Store
from falcohost.testing.outputs import alert
import msgspec
store = Store(Path(sys.argv[1]), Limits())
number = int(store.cursor("source") or 0)
while True:
    batch = [msgspec.structs.replace(alert("a"), id=f"{number + n}") for n in range(5)]
    store.append([Arrival("source", batch[:2], None, True)])
    number += 5
    store.append([Arrival("source", batch[2:], str(number), True)])
    print(number, flush=True)
"""


def test_a_killed_writer_loses_and_doubles_nothing(path):
    """Killed at any moment and started again from its cursor, a source's alerts are there once each, without a gap."""
    acknowledged = 0
    for round_ in range(int(os.environ.get("FALCOHOST_KILLS", "10"))):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(1 + round_ % 7):
                acknowledged = int(process.stdout.readline())
            time.sleep(0.0007 * (round_ % 5))
            process.send_signal(signal.SIGKILL)

        store = Store(path, Limits())
        found = names(store, most=1_000_000)
        store.close()

        assert found == [str(number) for number in range(len(found))]
        assert len(found) >= acknowledged
