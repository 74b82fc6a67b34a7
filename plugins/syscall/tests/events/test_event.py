"""Events as objects: keys, times, texts, names of accounts and hosts."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost_syscall.events.hosts import HostNames
from falcohost_syscall.processes.users import Users
from falcohost_syscall.records.text import absolute, text

BASH = Task(5_000_001, start=5_000_001, comm=b"bash")


@pytest.fixture
def decoder():
    """Return a decoder to be fed by hand."""
    return handmade.decoder("chdir", "openat")


def test_numbers_count_what_is_passed(decoder):
    """Events are numbered from 1, and what no rule wants has no number."""
    records = [handmade.call(name, BASH, 0) for name in ("chdir", "setsid", "openat")]

    assert [(1, "chdir"), (2, "openat")] == [(event.num, event.type) for event in decoder.events(records)]


def test_time_is_since_the_epoch(decoder):
    """The probe's time since boot is put on the time of the boot."""
    decoder.context.boot = 1_700_000_000_000_000_000
    (event,) = decoder.events([handmade.call("chdir", BASH, 0)])

    assert 1_700_001_000_000_000_000 == event.ts


def test_keys_differ(decoder):
    """Two events at one time have different keys, as their threads differ."""
    records = [handmade.call("chdir", BASH, 0), handmade.call("chdir", Task(5_000_001, start=5_000_001, tid=7), 0)]

    assert 2 == len({event.key for event in decoder.events(records)})


@pytest.mark.parametrize(
    ("directory", "path", "whole"),
    [
        ("/a", "/x", "/x"),
        ("/a", "x", "/a/x"),
        ("/", "x", "/x"),
        ("/a/b", "../x", "/a/x"),
        ("/a", "./x//y/", "/a/x/y"),
        ("/a", "../../..", "/"),
        ("/a", "", "/a"),
        ("/a", ".hidden", "/a/.hidden"),
        (None, "x", "<UNKNOWN>x"),
        (None, "/x/..", "/"),
    ],
)
def test_absolute(directory, path, whole):
    """A path is made absolute by its text alone."""
    assert whole == absolute(directory, path)


def test_text_keeps_names_apart():
    """Bytes that are not UTF-8 stay visible, so that two names never look the same."""
    assert ("é", "\\xff", "\\xfe") == (text("é".encode()), text(b"\xff"), text(b"\xfe"))


def test_accounts(tmp_path):
    """Names come from the files, root has one without them, and what has none is <NA>."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("web:x:33:33::/srv:/bin/sh\nbroken\n:x:y\n")
    users = Users(tmp_path)

    assert ("web", "/srv", "/bin/sh", "root", "<NA>") == (
        users.name(33),
        users.home(33),
        users.shell(33),
        users.name(0),
        users.name(34),
    )
    assert ("root", "<NA>") == (users.group(0), users.group(33))


def test_accounts_of_name_services(tmp_path, monkeypatch):
    """What name services know may stand in files of one's own; the machine's own come first, and root is root."""
    monkeypatch.setattr("falcohost_syscall.processes.users.INTERVAL", 0.0)
    (tmp_path / "etc/falcohost").mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text("web:x:33:33::/srv:/bin/sh\n")
    users = Users(tmp_path)
    (tmp_path / "etc/falcohost/passwd").write_text("ann:*:7001:7000::/home/ann:\nother:*:33:33:::\nevil:*:0:0:::\n")
    (tmp_path / "etc/falcohost/group").write_text("staff:*:7000:\n")
    before = users.name(7001)

    assert [True, False] == [users.refresh(), users.refresh()]
    assert ("<NA>", "ann", "web", "root", "staff") == (
        before,
        *(users.name(uid) for uid in (7001, 33, 0)),
        users.group(7000),
    )
    (tmp_path / "etc/falcohost/passwd").unlink()
    assert [True, "<NA>"] == [users.refresh(), users.name(7001)]


def test_accounts_are_as_they_were_when_they_were_last_looked_at(tmp_path, monkeypatch):
    """A new account is seen at the next look, and that something has changed is told once."""
    monkeypatch.setattr("falcohost_syscall.processes.users.INTERVAL", 0.0)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("web:x:33:33::/srv:/bin/sh\n")
    users = Users(tmp_path)
    (tmp_path / "etc/passwd").write_text("other:x:33:33::/srv:/bin/sh\n")
    before = users.name(33)

    assert [True, False] == [users.refresh(), users.refresh()]
    assert ("web", "other") == (before, users.name(33))


def test_host_names_lead_to_addresses():
    """A name in a rule is looked up beforehand, and found by the address of a socket."""
    hosts = HostNames()
    hosts.want("localhost")
    hosts.start()

    assert ("localhost",) == hosts.names(ip_address("127.0.0.1"))
    assert hosts.names(ip_address("192.0.2.1")) is None
