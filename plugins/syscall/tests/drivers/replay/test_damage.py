"""Captures that are damaged anywhere: what is whole is read, and nothing else happens."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workload import captures

from falcohost import Plan
from falcohost_syscall.drivers.replay.blocks import CaptureError
from falcohost_syscall.drivers.replay.driver import Replay
from falcohost_syscall.fields.rows import FIELDS

PLAIN = [field for field in FIELDS if not field.arg_required]
WHOLE = b"".join(
    (
        captures.section(),
        captures.block(
            captures.PROCESSES, captures.thread(10, 10, 1, b"bash", exe=b"bash", cwd=b"/", cgroups=b"a=/b\0")
        ),
        captures.block(captures.USERS, captures.user(1000, b"anna")),
        captures.descriptors(10, captures.descriptor(0, 3, bytes(13)), captures.descriptor(1, 8, bytes(18))),
        captures.event("clone", 10, res=11, flags=0, comm=b"bash", cgroups=b"a=/b\0"),
        captures.event("execve", 11, res=0, exe=b"id", args=b"-u\0", comm=b"id", env=b"A=b\0", filename=b"/bin/id"),
        captures.event("openat", 11, fd=5, dirfd=3, name=b"x", flags=1, mode=0, dev=1, ino=2),
        captures.event("connect", 11, res=0, tuple=b"\2" + bytes(12), fd=5, addr=b"\2" + bytes(6)),
        captures.event("sendto", 11, res=1, data=b"x", fd=0, size=1, tuple=b"\1" + bytes(16) + b"/run/x\0"),
        captures.event("dup2", 11, res=9, oldfd=5, newfd=9),
        captures.event("procexit", 11, status=0, reaper_tid=10),
        captures.event("close", 10, res=0, fd=0),
    )
)


def test_an_executable_without_an_absolute_path(replayed, shown):
    """The path of an executable that is not absolute, as damage makes it, is shown as it is."""
    event = captures.event("execve", 10, res=0, exe=b"id", args=b"", tid=10, pid=10, trusted_exepath=b"bin/id")

    assert [("execve", True)] == [
        (kind, " trusted_exepath=bin/id" in str(args)) for kind, args in shown(replayed(event), "evt.args")
    ]


def test_an_open_without_flags(replayed, shown):
    """An open whose flags are missing creates nothing, as far as is known."""
    assert [("openat", False)] == shown(replayed(captures.event("openat", 10, fd=3, dirfd=-100)), "evt.is_open_create")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8),
    end=st.integers(0, len(WHOLE)),
)
def test_damage_anywhere(tmp_path: Path, changes, end):
    """A capture with other bytes in some places, and cut off, is read up to the damage, with fields of every event."""
    damaged = bytearray(WHOLE)
    for place, value in changes:
        damaged[place] = value
    file = tmp_path / "damaged.scap"
    file.write_bytes(damaged[:end])
    driver = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(file)}}})

    with contextlib.suppress(CaptureError), contextlib.closing(driver):
        driver.open(Plan("syscall"))
        for batch in driver.batches():
            for event in batch.events:
                for field in PLAIN:
                    field.get(event, None)
    stats = driver.stats()
    assert stats.passed <= stats.received + 1
    assert stats.dropped["damaged"] <= len(changes) + 1
