"""Events in JSON: fields show of them what they showed of the live event, and what is no event is refused."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest

from falcohost import Plan, UnknownValueError
from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.events.event import DescriptorFacts, EventFacts, PathFacts
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.recorded.facts import DESCRIPTOR, EVENT, OTHERS, PATHS
from falcohost_syscall.recorded.source import RecordedSource
from falcohost_syscall.source import SyscallSource

#: What a shell does: files under links, sockets, programs, signals, modes, names.
DONE = """
cat /etc/hostname > /dev/null
ln -s /etc/hostname link; cat link > copy; rm link; chmod u+s copy; kill -0 $$
exec 5>&1; mkdir -p a/b; mv copy a/b/
"""
SOCKETS = (
    "import socket; socket.socket().connect_ex(('127.0.0.1', 9)); socket.socketpair(); socket.socket(socket.AF_UNIX)"
)

#: Not those of which a busy machine has so many that some are lost.
TYPES = [
    "openat",
    "execve",
    "clone",
    "vfork",
    "connect",
    "socket",
    "socketpair",
    "dup2",
    "dup3",
    "fcntl",
    "unlinkat",
    "renameat2",
    "rename",
    "symlinkat",
    "symlink",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmodat",
    "kill",
    "pipe2",
    "ioctl",
    "prctl",
]

#: Of the machine rather than of the event, or counted by those who ask.
_NOT_COMPARED = ("evt.deltatime", "evt.deltatime.ns", "proc.is_falcohost")


def read(path):
    """Return the events in the file, and what was refused."""
    source = RecordedSource(path)
    events = [event for batch in source.batches() for event in batch.events]
    return events, dict(source.stats().dropped)


def shown(event):
    """Return what all fields show of an event."""
    get = {field.name: field.get for field in FIELDS}
    asked = [(field.name, None) for field in FIELDS if not field.arg_required and field.name not in _NOT_COMPARED]
    asked += [(name, number) for name in ("proc.aname", "proc.aexepath", "proc.acmdline") for number in range(6)]
    asked += [("evt.arg", param.name) for param in event.row.params]
    found = {}
    for name, arg in asked:
        try:
            found[name, arg] = get[name](event, arg)
        except UnknownValueError:
            found[name, arg] = "unknown"
    return found


def views(event):
    """Return all views of an event."""
    return (event, *event.alternatives)


def test_every_fact_is_written():
    """Each fact that fields may read of an event has a key in JSON, or code of its own, or is of captures only."""
    facts = {name for one in (EventFacts, DescriptorFacts, PathFacts) for name in vars(one) if not name.startswith("_")}
    known = {fact.name for facts in (EVENT, DESCRIPTOR, PATHS) for fact in facts} | OTHERS

    of_captures = {"described", "described_pod", "cpu_shares"}
    assert {"value", "stream"} | of_captures == facts - known


def test_fields_show_the_same(bpf, close_later, tmp_path):
    """All fields show of a recorded event, and of each view of it, what they showed of the live one."""
    source = close_later(SyscallSource({}))
    source.open(Plan("syscall", frozenset(TYPES), frozenset(field.name for field in FIELDS)), None)
    child = subprocess.Popen(["sh", "-c", f'{DONE}\npython3 -c "{SOCKETS}"'], cwd=tmp_path, stdout=subprocess.DEVNULL)
    live, lines, end, ended = [], [], time.monotonic() + PATIENCE, None
    for batch in source.batches():
        last = 0
        for event in batch.events:
            last = event.ts
            if os.getpid() in [above.pid for above in event.proc.ancestors()]:
                live.append([shown(view) for view in views(event)])
                lines.append(json.dumps(source.written(event)))
        if ended is None and child.poll() is not None:
            ended = time.time_ns()
        if (ended and last > ended + 1_000_000_000) or time.monotonic() > end:
            break
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    recorded, dropped = read(tmp_path / "events.jsonl")

    assert {} == dropped
    assert len(live) == len(recorded) > 100
    wrong = {
        (event.type, key, str(before[key])[:200], str(now[key])[:200])
        for event, befores in zip(recorded, live, strict=True)
        for before, now in zip(befores, map(shown, views(event)), strict=True)
        for key in before
        if before[key] != now[key]
    }
    assert set() == wrong
    assert {"execve", "connect", "openat", "fchmodat"} <= {event.type for event in recorded}


def test_a_short_event(tmp_path):
    """An event that a person writes in a line has its defaults, and the ancestors that it names."""
    event = {
        "type": "openat",
        "process": {"name": "cat", "args": ["cat", "-n", "/etc/shadow"], "parent": {"name": "bash", "pid": 7}},
        "fd": {"number": 3, "type": "file", "path": "/etc/shadow"},
        "paths": {"access": 0},
        "accounts": {"user": ["eve", "/home/eve", "/bin/sh"]},
    }
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    (found,), _ = read(tmp_path / "events.jsonl")
    values = shown(found)

    assert "/etc/shadow" == values["fd.name", None]
    assert ("cat", "-n /etc/shadow", "bash", "eve", True) == tuple(
        values[name, None] for name in ("proc.name", "proc.args", "proc.pname", "user.name", "evt.is_open_read")
    )


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"type": "opena"}, "'opena' is not an event type; did you mean open"),
        ([], "expected an object with the key 'type'"),
        ({"type": "openat", "proces": {}}, "did you mean process?"),
        ({"type": "openat", "fd": {"number": "3"}}, "$.fd.number"),
        ({"type": "openat", "params": {"x": 1}}, "'x' is not a parameter of this event type; it has fd, dirfd, name"),
        ({"type": "openat", "fd": {"data": "x"}}, "data has to be bytes: {base64: …}"),
        ({"type": "openat", "process": {"parent": {"parent": 7}}}, "process: Expected `object`, got `int`"),
        ({"type": "openat", "params": {"flags": 1 << 70}}, "has more than 64 bits"),
        ({"type": "openat", "views": [{"fd": {"number": "3"}}]}, "$.fd.number"),
        ({"type": "connect", "fd": {"socket": {"local": ["zz", 1, None]}}}, "$.fd.socket.local[0]"),
        ({"type": "connect", "process": {"session": [1]}}, "$.process.session"),
    ],
)
def test_wrong_events_are_refused(tmp_path, event, said):
    """What is no event is left out, and the cause says what is wrong and where."""
    (tmp_path / "events.jsonl").write_text(json.dumps(event) + "\n")
    events, dropped = read(tmp_path / "events.jsonl")

    assert [] == events
    assert said in "".join(dropped)


def test_endless_ancestors_are_refused(tmp_path):
    """A process with more ancestors than a machine has levels is refused."""
    process = {"name": "a"}
    for _ in range(300):
        process = {"name": "a", "parent": process}
    (tmp_path / "events.jsonl").write_text(json.dumps({"type": "openat", "process": process}))

    assert "a process has more than 120 ancestors" in "".join(read(tmp_path / "events.jsonl")[1])


PROGRAM = {"name": "cat", "pid": 7, "exepath": "/usr/bin/cat", "args": ["cat", "x"], "env": ["A=b"], "caps": [1, 2]}
SOCKET = {"family": 2, "type": 1, "l4proto": "tcp", "role": "client", "ino": 7, "ends": ["1", "2"]}
#: Events with most keys, for faults in them.
WHOLE = [
    {
        "type": "openat",
        "time": 1795865983215816327,
        "ret": 3,
        "cgroups": ["cpu=/a"],
        "params": {"fd": 3, "dirfd": -100, "name": "x", "flags": 4097, "mode": 0},
        "fd": {"number": 3, "type": "file", "path": "/x", "file": {"ino": 1}, "streams": {"0": ["file", "/dev/null"]}},
        "paths": {"path": "x", "abspath": "/x", "access": 0, "requested": "/x"},
        "process": {**PROGRAM, "session": [1, 1, 1, 1, 0], "parent": {**PROGRAM, "pid": 1}},
        "container": {"id": "a", "full_id": "ab", "type": "docker"},
        "accounts": {"user": ["eve", "/", "/bin/sh"], "group": "eve", "users": {"1": "bin"}, "groups": {}},
        "others": [PROGRAM],
        "usage": [1, 2, 3, 4, 5, 6, 7, 8],
        "views": [{"fd": {"number": 3, "type": "file", "path": "/y"}, "paths": None}],
    },
    {
        "type": "connect",
        "params": {"fd": 3, "addr": {"base64": "AgAACX8AAAEAAAAAAAAAAA=="}, "tuple": "a->b"},
        "fd": {
            "number": 3,
            "type": "ipv4",
            "socket": {**SOCKET, "local": ["7f000001", 1, None], "remote": ["", 0, None]},
        },
        "process": PROGRAM,
    },
    {"type": "poll", "params": {"fds": [[0, 1]]}, "fd": {"polled": [[0, ["file", "/x", None]], [1, None]]}},
]
FAULTS = [None, 0, -1, 1 << 31, 1 << 64, 1.5, "", "x", "\ud800", "\0", [], {}, [1], True, {"base64": "!"}, ["", ""]]


def places(value, before=()):
    """Yield the way to each part of *value*."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*before, key)
        yield from places(item, (*before, key))


@pytest.mark.parametrize("event", WHOLE, ids=lambda event: event["type"])
def test_faulty_events_reach_no_field(tmp_path, event):
    """Wherever a value of an event is another one, the event is refused, or all fields can be read of it."""
    lines = []
    for *way, last in places(event):
        for fault in FAULTS:
            faulty = json.loads(json.dumps(event))
            inner = faulty
            for key in way:
                inner = inner[key]
            inner[last] = fault
            lines.append(json.dumps(faulty))
    (tmp_path / "events.jsonl").write_text("\n".join([json.dumps(event), *lines]))
    events, dropped = read(tmp_path / "events.jsonl")

    assert len(lines) + 1 == len(events) + len(dropped)
    assert event["type"] == events[0].type
    for one in events:
        for view in views(one):
            shown(view)  # which raises nothing
