"""The lookup over the process that has the tables, and with the tables in its own process."""

from __future__ import annotations

import ipaddress
import socket
import threading

import msgspec
import pytest

import falcohost_tables.plugin
from falcohost.helpers import HELPERS, HelperEnded
from falcohost.lookups import GIVEN_UP, PENDING
from falcohost.port import MOST_ASKED, SocketPort
from falcohost.testing import LookupContract
from falcohost.testing.server import Reply
from falcohost.testing.waiting import wait_until
from falcohost_tables import helper, lookup
from falcohost_tables.config import parse
from falcohost_tables.lookup import Asking, Own, make
from falcohost_tables.rows import MOST_KEY, Answer

CSV = "ip,owner\n10.0.0.0/8,ann\n"
ADDRESS = ipaddress.ip_address("10.1.2.3")


@pytest.fixture
def file(tmp_path):
    """Return the file of the table."""
    path = tmp_path / "assets.csv"
    path.write_text(CSV)
    return path


@pytest.fixture
def settings(file):
    """Return the settings of the plugin."""
    return {"tables": {"asset": {"file": str(file), "columns": ["owner"], "match": "network"}}, HELPERS: {}}


class TestOwn(LookupContract):
    """With the tables in its process, it keeps the contract."""

    plugin = falcohost_tables.plugin
    lookup = "tables"

    @pytest.fixture
    def config(self, settings):
        """Return the settings."""
        return settings

    @pytest.fixture
    def known(self):
        """Return a key that has a row."""
        return ("asset.owner", ADDRESS)

    @pytest.fixture
    def unknown(self):
        """Return one that has none."""
        return ("asset.owner", "192.0.2.1")


@pytest.fixture
def asking(settings, monkeypatch):
    """Return a function that makes a lookup over a thread that serves as the helper does."""
    monkeypatch.setattr(helper, "LOOK", 0.02)
    opened = []

    def asking(tables=settings["tables"]):
        here, there = socket.socketpair()
        given = {"tables": msgspec.to_builtins(parse(tables))}
        threading.Thread(target=helper.serve, args=(there, given), daemon=True).start()
        opened.append((Asking(SocketPort(here, Answer)), there))
        return opened[-1]

    yield asking
    for one, _ in opened:
        one.close()


def found(one, key):
    """Return the row of *key* once it is known."""

    def known():
        one.poll()
        return one.find(key) is not PENDING

    wait_until(known)
    return one.find(key)


def replace(file, text):
    """Put a new file in the place of another."""
    other = file.with_suffix(".new")
    other.write_text(text)
    other.rename(file)


def test_rows_come_from_the_helper(asking):
    """A row is pending until the helper answers, and then stays; so does it that there is none."""
    one, _ = asking()

    assert PENDING is one.find(("asset.owner", ADDRESS))
    assert ("10.0.0.0/8", "ann") == found(one, ("asset.owner", ADDRESS))
    assert found(one, ("asset.key", "192.0.2.1")) is None
    assert 1 == len(one)


def test_a_change_is_seen(asking, file):
    """When the table changes, its rows are asked for again."""
    one, _ = asking()
    found(one, ("asset.owner", ADDRESS))
    replace(file, CSV.replace("ann", "bob"))
    wait_until(lambda: found(one, ("asset.owner", ADDRESS)) == ("10.0.0.0/8", "bob"))


def test_a_problem_is_logged_and_the_rows_stay(asking, file, caplog):
    """A table with a mistake is a warning with its line; when it is mended, that is said."""
    one, _ = asking()
    row = found(one, ("asset.owner", ADDRESS))
    replace(file, "ip,owner\n10.0.0.1/8,ann\n")
    wait_until(lambda: one.poll() or "is an address within a network: write 10.0.0.0/8" in caplog.text)

    assert row == found(one, ("asset.owner", ADDRESS))
    assert f"table 'asset': {file}:2: " in caplog.text
    assert "the former table stays in use" in caplog.text
    assert one.problem()[0].startswith(f"table 'asset': {file}:2: ")
    replace(file, CSV)
    wait_until(lambda: one.poll() or "works again" in caplog.text)
    assert ("", 0) == one.problem()


def test_what_nobody_knows_is_given_up(asking, file, tmp_path):
    """Where there is no table, nothing waits; once there is one, its rows count."""
    file.unlink()
    one, _ = asking()

    assert GIVEN_UP is found(one, ("asset.owner", ADDRESS))
    file.write_text(CSV)
    wait_until(lambda: found(one, ("asset.owner", ADDRESS)) == ("10.0.0.0/8", "ann"))


def test_questions_wait_for_a_table_that_is_being_fetched(asking, serve):
    """A match waits for the first fetch; of very many questions, those that are too many are given up."""
    gate = threading.Event()
    server = serve(lambda request: Reply(200, CSV.encode(), gate=gate))
    url = {"url": server.url, "format": "csv", "columns": ["owner"], "match": "network"}
    one, _ = asking({"asset": url})
    for number in range(helper.MOST + 10):
        one.find(("asset.owner", f"10.0.{number >> 8}.{number & 255}"))
    last = f"10.0.{(helper.MOST + 9) >> 8}.{(helper.MOST + 9) & 255}"
    early = found(one, ("asset.owner", last))
    waiting = one.find(("asset.owner", "10.0.0.0"))
    gate.set()

    assert (GIVEN_UP, PENDING) == (early, waiting)
    assert "ann" == found(one, ("asset.owner", "10.0.0.0"))[1]
    wait_until(lambda: found(one, ("asset.owner", last)) == ("10.0.0.0/8", "ann"))


def test_rows_have_a_limit(asking, monkeypatch):
    """The row that was not asked for longest is dropped, counted, and asked for again."""
    monkeypatch.setattr(lookup, "MOST", 2)
    one, _ = asking()
    for last in (1, 2, 3):
        found(one, ("asset.owner", f"10.0.0.{last}"))

    assert (2, 1) == (len(one), one.dropped)
    assert PENDING is one.find(("asset.owner", "10.0.0.1"))


def test_a_flood_of_questions_loses_no_change(asking, file):
    """With more questions than can be under way at once, all are answered, and so is the one for changes."""
    one, _ = asking()
    keys = [("asset.owner", f"10.{number >> 8}.{number & 255}.1") for number in range(MOST_ASKED * 2)]
    for key in keys:
        one.find(key)

    assert all(found(one, key) == ("10.0.0.0/8", "ann") for key in keys)
    replace(file, CSV.replace("ann", "bob"))
    wait_until(lambda: found(one, keys[0])[1] == "bob")


@pytest.mark.parametrize("value", ["x" * (MOST_KEY + 1), "\udc80", b"\xff", True, 7, ""])
def test_any_value_can_be_looked_up(asking, settings, value):
    """A value of any type and length has a row or none."""
    one, _ = asking()

    assert found(one, ("asset.owner", value)) is None
    assert make(settings).find(("asset.owner", value)) is None


def test_the_end_of_the_helper_ends_the_worker(asking):
    """A helper that is gone raises what has the worker replaced."""
    one, there = asking()
    there.shutdown(socket.SHUT_RDWR)
    with pytest.raises(HelperEnded):
        wait_until(one.poll)


def test_without_a_helper_urls_are_fetched_once(serve):
    """Commands that read events without an agent have the tables themselves."""
    server = serve(lambda request: Reply(200, CSV.encode()))
    url = {"url": server.url, "format": "csv", "columns": ["owner"], "match": "network"}
    one = Own(parse({"asset": url}))

    assert ("10.0.0.0/8", "ann") == one.find(("asset.owner", ADDRESS))
    assert not one.poll() or not one.poll()
    assert 1 == len(server.requests)


def test_without_a_helper_a_change_is_seen(settings, file, monkeypatch):
    """The files are looked at once a second."""
    monkeypatch.setattr(lookup, "LOOK", 0.0)
    one = make(settings)
    replace(file, CSV.replace("ann", "bob"))
    one.poll()

    assert ("10.0.0.0/8", "bob") == one.find(("asset.owner", ADDRESS))
