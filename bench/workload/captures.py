"""Captures (``.scap``) made by hand, in the newest form: blocks, the lists at the beginning, events."""

from __future__ import annotations

import struct

from falcohost_syscall.scap.event_types import ENTERS, TYPES

PROCESSES, DESCRIPTORS, USERS, EVENT, OLD_EVENT = 0x215, 0x218, 0x220, 0x216, 0x204
#: When all events happened.
TS = 1_700_000_000_000_000_000
#: Where the time is in the block of an event.
_TIME = 10
CODES = {found.name: code for code, found in TYPES.items()}


def block(kind: int, body: bytes) -> bytes:
    """Return a block."""
    padding = bytes(-len(body) % 4)
    size = 12 + len(body) + len(padding)
    return struct.pack("<II", kind, size) + body + padding + struct.pack("<I", size)


def section(magic: int = 0x1A2B3C4D, major: int = 1) -> bytes:
    """Return the block that every capture begins with."""
    return block(0x0A0D0D0A, struct.pack("<IHHq", magic, major, 2, -1))


def text(data: bytes) -> bytes:
    """Return a text with its length."""
    return struct.pack("<H", len(data)) + data


def thread(tid: int, pid: int, ppid: int, comm: bytes, **facts: bytes) -> bytes:
    """Return an entry of the list of processes; *facts* are exe, exepath, args, cwd, env and cgroups."""
    body = struct.pack("<5q", tid, pid, ppid, ppid, pid) + text(comm)
    body += b"".join(text(facts.get(name, b"")) for name in ("exe", "exepath", "args", "cwd"))
    body += struct.pack("<Q3I3I2Q", 1024, 0, 1000, 1000, 0, 0, 0, 0, 0) + text(facts.get("env", b""))
    body += struct.pack("<2q", tid, pid) + text(facts.get("cgroups", b"")) + text(b"/")
    body += struct.pack("<QIIB3QB3QBBq", 0, 34816, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, pid)
    return struct.pack("<I", len(body) + 4) + body


def descriptor(number: int, kind: int, payload: bytes) -> bytes:
    """Return an entry of a list of descriptors."""
    body = struct.pack("<qQB", number, 77, kind) + payload
    return struct.pack("<I", len(body) + 4) + body


def descriptors(tid: int, *entries: bytes) -> bytes:
    """Return the block with the descriptors of a thread."""
    return block(DESCRIPTORS, struct.pack("<q", tid) + b"".join(entries))


def user(uid: int, name: bytes) -> bytes:
    """Return an entry of the list of users."""
    body = struct.pack("<BII", 0, uid, uid) + text(name) + text(b"/home/" + name) + text(b"/bin/sh")
    return struct.pack("<I", len(body) + 4) + body


def event(name: str, tid: int, /, **values: int | bytes) -> bytes:
    """Return the block of an event with these parameters; the others are empty, those after the last are missing."""
    found = TYPES[CODES[name]]
    last = max((found.places[param] for param in values), default=-1)
    data = [_value(kind, values.get(param, b"")) for param, kind in found.params[: last + 1]]
    lengths = b"".join(struct.pack("<H", len(value)) for value in data)
    whole = lengths + b"".join(data)
    head = struct.pack("<QqIHI", TS, tid, 26 + len(whole), found.code, len(data))
    return block(EVENT, struct.pack("<H", 3) + head + whole)


def large_event(name: str, tid: int, /, **values: int | bytes) -> bytes:
    """Return the block of an event of a type whose parameters may be long."""
    found = TYPES[CODES[name]]
    data = [_value(kind, values.get(param, b"")) for param, kind in found.params]
    whole = b"".join(struct.pack("<I", len(value)) for value in data) + b"".join(data)
    head = struct.pack("<QqIHI", TS, tid, 26 + len(whole), found.code, len(data))
    return block(0x221 if len(whole) > 65_000 else EVENT, struct.pack("<H", 0) + head + whole)


def plugin_event(number: int, record: bytes) -> bytes:
    """Return the block of an event in which the plugin with this number has put a record."""
    return large_event("pluginevent", -1, plugin_id=number, event_data=record)


def at(ts: int, event: bytes) -> bytes:
    """Return the block of an event with this time instead of :data:`TS`."""
    return event[:_TIME] + struct.pack("<Q", ts) + event[_TIME + 8 :]


def start(name: str, tid: int, /, **values: int | bytes) -> bytes:
    """Return the block of the start of a call with these parameters, as older captures have it."""
    found = ENTERS[CODES[name] - 1]
    return old_event(found.code, tid, *(_value(kind, values.get(param, b"")) for param, kind in found.params))


def old_event(code: int, tid: int, *data: bytes, more: bytes = b"") -> bytes:
    """Return the block of an event as older captures have it: it does not say how many parameters it has.

    :param more: what stands behind them.
    """
    whole = b"".join(struct.pack("<H", len(value)) for value in data) + b"".join(data) + more
    return block(OLD_EVENT, struct.pack("<HQqIH", 3, TS, tid, 22 + len(whole), code) + whole)


def i64(number: int) -> bytes:
    """Return a number as a parameter of eight bytes."""
    return number.to_bytes(8, "little", signed=True)


def _value(kind: str, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value + b"\0" if value and kind in ("str", "path") else value
    return value.to_bytes(int(kind[1:]) // 8, "little", signed=kind[0] == "i")
