"""The lists at the beginning of captures in every version before today's."""

from __future__ import annotations

import struct

import pytest
from workload import captures
from workload.captures import block, text

CGROUPS = b"cpu=/docker/" + b"ab" * 32 + b"\0"
#: Types of blocks with processes, by version; the first three have another number in the oldest files.
PROCESSES = {1: 0x202, 2: 0x207, 3: 0x209, **{version: 0x20C + version for version in range(4, 9)}}
OLDEST = {1: 0x8000ABCD, 2: 0x8013ABCD, 3: 0x8014ABCD}
FILE = struct.pack("<qQBI", 0, 7, 16, 1) + text(b"/etc/x")
ENDS = struct.pack("<qQB4s4sHHB", 1, 8, 3, bytes((10, 0, 0, 5)), bytes((192, 0, 2, 7)), 40_000, 80, 2)
DESCRIPTORS = struct.pack("<q", 10) + FILE + ENDS
USER = struct.pack("<BII", 0, 1000, 1000) + text(b"anna") + text(b"/home/anna") + text(b"/bin/sh")
GROUP = struct.pack("<BI", 1, 1000) + text(b"staff")
INTERFACE = struct.pack("<HH4s4s4sQ", 1, 2, bytes((10, 0, 0, 5)), bytes((255, 0, 0, 0)), bytes(4), 0) + b"e0"
#: The fields that are there, and since which version of the list of processes.
EXPECTED = {
    "proc.name": (1, "bash", None),
    "proc.args": (1, "-i", None),
    "proc.cwd": (1, "/home/", None),
    "proc.pname": (1, "init", None),
    "user.name": (1, "anna", None),
    "group.name": (1, "staff", None),
    "proc.vmsize": (2, 1, 0),
    "proc.env[A]": (3, "1", ""),
    "container.id": (4, "ab" * 6, "host"),
    "proc.vpid": (4, 10, None),
    "proc.sid": (6, 1, -1),
    "proc.exepath": (7, "/usr/bin/bash", ""),
    "proc.vpgid": (8, 10, -1),
}


def entry(version: int, tid: int, ppid: int, comm: bytes) -> bytes:
    """Return the entry of a process."""
    since = (
        (1, struct.pack("<3q", tid, tid, ppid)),
        (6, struct.pack("<q", ppid)),
        (8, struct.pack("<q", tid)),
        (1, text(comm) + text(comm)),
        (7, text(b"/usr/bin/" + comm)),
        (1, text(b"-i\0") + text(b"/home/") + struct.pack("<Q3I", 1024, 0, 1000, 1000)),
        (2, struct.pack("<3I2Q", 1, 2, 3, 4, 5)),
        (3, text(b"A=1\0")),
        (4, struct.pack("<2q", tid, tid) + text(CGROUPS)),
        (5, text(b"/")),
    )
    return b"".join(part for first, part in since if version >= first)


@pytest.mark.parametrize(
    ("version", "kinds"),
    [(version, (kind, 0x203, 0x206, 0x205)) for version, kind in PROCESSES.items()]
    + [(version, (kind, 0x8001ABCD, 0x8012ABCD, 0x8011ABCD)) for version, kind in OLDEST.items()],
)
def test_old_lists(replayed, shown, version, kinds):
    """What a version of the list has is there, and what it lacks is as where nothing is known."""
    processes = entry(version, 1, 0, b"init") + entry(version, 10, 1, b"bash")
    lists = map(block, kinds, (processes, DESCRIPTORS, USER + GROUP, INTERFACE))
    driver = replayed(*lists, captures.event("close", 10, res=0, fd=0), captures.event("close", 10, res=0, fd=1))
    first, second = shown(driver, "fd.name", "fd.is_server", *EXPECTED)

    assert ("close", "/etc/x", False) == first[:3]
    assert ("close", "10.0.0.5:40000->192.0.2.7:80", False) == second[:3]
    assert [told if version >= since else before for since, told, before in EXPECTED.values()] == [*first[3:]]
    assert 0 == driver.stats().dropped["damaged"]
