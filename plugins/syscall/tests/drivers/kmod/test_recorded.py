"""What Debian's module (API 8.0.3, schema 3.5.0) wrote on Linux 6.12 is read as events with processes and descriptors.

The file is a part of a ring of that machine, while a shell had ``cat hostname /nowhere``, read a line of /etc/passwd,
and became ``true``.
"""

from __future__ import annotations

import mmap
import zlib
from pathlib import Path

import pytest

from falcohost import Plan, lasting
from falcohost.lasting import Memory
from falcohost_syscall.drivers.kmod.rings import Ring, Rings
from falcohost_syscall.drivers.replay.driver import Replay
from falcohost_syscall.scap.applying import Applying
from falcohost_syscall.source import SyscallSource, recorder_of

RECORDED = Path(__file__).parent / "recorded_ring.z"
SIZE = 1 << 14


@pytest.fixture
def events():
    """Return a function that returns what *show* shows of each event of these types, as of the event."""

    def events(types, show, *, begin=SIZE - 5000, applying=None):
        written = zlib.decompress(RECORDED.read_bytes())
        data, info = mmap.mmap(-1, 2 * SIZE), mmap.mmap(-1, mmap.PAGESIZE)
        for at, byte in enumerate(written, begin):
            data[at % SIZE] = data[at % SIZE + SIZE] = byte
        words = memoryview(info).cast("I")
        words[0], words[1] = (begin + len(written)) % SIZE, begin % SIZE
        memory = Memory(lasting.make("reached", mmap.PAGESIZE))
        memory.set_word(1, begin % SIZE)
        rings = Rings([Ring(0, memoryview(data), memoryview(info), 8, memory, 1)])
        applying = Applying() if applying is None else applying
        applying.update(Plan("syscall", frozenset(types)))
        found = []
        for ts, cpu, tid, code, part, start, end, count in rings.events():
            use = applying.uses[code]
            applying.number += use.counts
            if use.is_begin:
                applying.calls.begin(tid, code, part[start:end], count)
            elif use.is_read:
                event = applying.read(use, part, (start, end, count), code, ts, tid, cpu)
                if event is not None:
                    found.append(show(event))
        assert (0, 0) == (rings.corrupt, rings.waiting[0] - rings.position[0])
        return found

    return events


def test_programs_are_told(events):
    """Each program has its arguments and its parent, from where it began on."""
    shown = events({"execve"}, lambda e: (e.ret, *e.proc.image.argv, e.proc.image.exepath))

    assert [
        (0, "/bin/sh", "-c", "cd /etc; /bin/cat hostname /nowhere; exec 3</etc/passwd; read a <&3; exec /bin/true"),
        (0, "/bin/cat", "hostname", "/nowhere"),
        (0, "/bin/true"),
    ] == [one[:-1] for one in shown]
    assert ["/usr/bin/dash", "/usr/bin/cat", "/usr/bin/true"] == [one[-1] for one in shown]


def test_files_have_their_paths(events):
    """Opened files are made absolute with the directory that was changed to; a failed open has the error."""
    opened = events({"openat"}, lambda e: (e.proc.comm, e.ret, e.abspath))

    assert ("cat", 3, "/etc/hostname") in opened
    assert ("cat", -2, "/nowhere") in opened
    assert ("sh", 3, "/etc/passwd") in opened


def test_what_an_old_return_lacks_comes_from_the_begin(events):
    """A close of this schema does not say which descriptor; the begin of the call does."""
    closed = events({"close"}, lambda e: (e.proc.comm, e.fdpath))

    assert ("cat", "/etc/hostname") in closed


def test_reads_know_their_files(events):
    """What is read and from which file is known also after the descriptor was duplicated."""
    read = events({"read"}, lambda e: (e.proc.comm, e.fdpath, e.buffer))

    assert b"r" == next(data for comm, path, data in read if (comm, path) == ("sh", "/etc/passwd"))
    assert "/etc/hostname" in [path for comm, path, _ in read if comm == "cat"]


@pytest.mark.parametrize("begin", [0, SIZE - 13000, SIZE - 1, SIZE - 26])
def test_the_end_of_a_ring_is_no_end(events, begin):
    """Wherever the ring ends within what was written, the events are the same."""
    assert events({"execve", "openat", "procexit"}, lambda e: e.key) == events(
        {"execve", "openat", "procexit"}, lambda e: e.key, begin=begin
    )


def shown(event):
    """Return what is compared of an event."""
    image = event.proc.image
    process = (event.pid, event.proc.ppid, event.proc.comm, image.exepath, *image.argv, event.cwd, event.uid)
    return event.type, event.ts, event.ret, event.fdpath, event.buffer, *process


def test_it_can_be_recorded(events, tmp_path):
    """What the module tells is in a capture as it was, with the processes and files that a filter leaves out."""
    source = SyscallSource({"engine": {"kind": "kmod"}})
    recorder, applying = recorder_of(source), source.driver._applying
    path = tmp_path / "made.scap"
    parts = [recorder.begin(within=0.0)]
    seen = events({"read"}, lambda e: (shown(e), parts.append(recorder.record(e)))[0], applying=applying)
    path.write_bytes(b"".join(parts))
    driver = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(path)}}})
    driver.open(Plan("syscall"))

    assert "/etc/hostname" in [one[3] for one in seen]
    assert seen == [shown(event) for batch in driver.batches() for event in batch.events]
    assert {"damaged": 0} == driver.stats().dropped
