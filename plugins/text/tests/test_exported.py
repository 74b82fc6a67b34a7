"""The journal's export format: entries stay whole, and nothing in a value can pass for an entry."""

import json
import shutil
import struct
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from falcohost.jsonlog import Origin, Refusals, Texts
from falcohost.testing import skip_or_fail
from falcohost_text.exported import CUT_OFF, TOO_LONG, Entries, members

FORGED = b"x\n\n__REALTIME_TIMESTAMP=1\nMESSAGE=forged\n\n"


def entry(**values):
    """Return an entry as systemd writes it: a value with a newline in binary form."""
    return b"".join(
        b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(value)), value)
        if b"\n" in value
        else b"%s=%s\n" % (name.encode(), value)
        for name, value in values.items()
    ) + b"\n"  # fmt: skip


def read_pieces(data, sizes, most=1000):
    """Return the messages of what is read in pieces of these sizes, and the causes of losses."""
    refusals = Refusals()
    entries, found, at = Entries(most, refusals), [], 0
    while at < len(data):
        piece = data[at : at + (sizes.pop() if sizes else len(data))]
        found += entries.take(Texts(Origin("j", "j"), [(at, piece)]))[0]
        at += len(piece)
    found += entries.rest()[0]
    return [members(one.raw).get(b"MESSAGE") for one in found], dict(refusals.counts)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.lists(st.integers(1, 50), max_size=30))
def test_entries_come_whole(messages, sizes):
    """Whatever the values, and wherever the data are divided, each entry comes once, as it was written."""
    data = b"".join(entry(__REALTIME_TIMESTAMP=b"1", MESSAGE=message, _PID=b"7") for message in messages)

    assert (messages, {}) == read_pieces(data, sizes)


@given(st.lists(st.integers(1, 200), max_size=30))
def test_what_is_too_long_is_counted_and_forges_nothing(sizes):
    """An entry that is too long is dropped whole, with all that looks like entries in it."""
    data = entry(MESSAGE=b"a") + entry(MESSAGE=FORGED * 100, _PID=b"7") + entry(MESSAGE=b"b")

    assert ([b"a", b"b"], {TOO_LONG: 1}) == read_pieces(data, sizes)


def test_a_damaged_length():
    """A length that no journal has costs its own entry, and not the rest of the log."""
    data = b"MESSAGE\n" + b"\xff" * 8 + b"a\n_PID=7\n\n" + entry(MESSAGE=b"b")

    assert ([b"b"], {TOO_LONG: 1}) == read_pieces(data, [])


def test_many_members_are_bounded():
    """An entry of many members is dropped as well."""
    data = entry(**{f"M{number}": b"x" * 50 for number in range(100)}) + entry(MESSAGE=b"b")

    assert ([b"b"], {TOO_LONG: 1}) == read_pieces(data, [])


def test_the_last_entry():
    """At the end the blank line may be missing; half a value is counted."""
    whole = entry(MESSAGE=b"a")

    assert ([b"a"], {}) == read_pieces(whole[:-1], [])
    assert ([], {CUT_OFF: 1}) == read_pieces(entry(MESSAGE=b"a\nb")[:-4], [])


def test_no_cursor_passes_half_an_entry():
    """A cursor is passed on where no entry is open."""
    entries = Entries(1000, Refusals())
    one = entry(MESSAGE=b"a")

    assert (0, None) == _taken(entries, 0, one[:5], "1")
    assert (1, "2") == _taken(entries, 5, one[5:], "2")


def _taken(entries, at, data, cursor):
    ended, cursor = entries.take(Texts(Origin("j", "j"), [(at, data)], cursor))
    return len(ended), cursor


def test_fields(read):
    """The fields are those of the format journald, and a message of several lines is one event."""
    sshd = {"_HOSTNAME": b"web", "SYSLOG_IDENTIFIER": b"sshd", "_PID": b"12", "PRIORITY": b"6"}
    data = entry(
        __REALTIME_TIMESTAMP=b"1795773600000000",
        MESSAGE=b"Accepted publickey for ann from 192.0.2.1 port 22 ssh2",
        **sshd,
    ) + entry(__REALTIME_TIMESTAMP=b"1795773600000001", MESSAGE=b"Trace:\n  at x", _COMM=b"shop")
    lines = read(data, format="journald-export")

    assert [("web", "sshd", 12, "login", "ann"), (None, "shop", None, None, None)] == lines.values(
        "host", "program", "pid", "action", "user"
    )
    assert "Trace:\n  at x" == lines.values("message")[1][0]
    assert [1_795_773_600_000_000_000, 1_795_773_600_000_001_000] == [event.ts for event in lines.events]


def test_the_real_journalctl(read, tmp_path):
    """What journalctl exports, of a journal that systemd's own tool has made, gives what its JSON gives."""
    remote = shutil.which("systemd-journal-remote") or "/usr/lib/systemd/systemd-journal-remote"
    if not shutil.which("journalctl") or not shutil.which(remote):
        skip_or_fail("journalctl", "journalctl or systemd-journal-remote is missing")
    boot = {"_BOOT_ID": b"0" * 31 + b"1", "__MONOTONIC_TIMESTAMP": b"5"}
    made = b"".join(
        entry(__REALTIME_TIMESTAMP=b"17957736000000%02d" % number, MESSAGE=message, SYSLOG_IDENTIFIER=b"shop", **boot)
        for number, message in enumerate([b"one", b"two\n\nMESSAGE=forged\n", b"three \xff"])
    )
    journal = tmp_path / "made.journal"
    subprocess.run([remote, f"--output={journal}", "-"], input=made, capture_output=True, check=True)
    exported, as_json = (
        subprocess.run(["journalctl", f"--file={journal}", "-o", form], capture_output=True, check=True).stdout
        for form in ("export", "json")
    )

    names = ("program", "message")
    found = read(exported, format="journald-export")
    assert read(as_json, format="journald").values(*names) == found.values(*names)
    assert 3 == len(found.events) == len([json.loads(line) for line in as_json.splitlines()])
