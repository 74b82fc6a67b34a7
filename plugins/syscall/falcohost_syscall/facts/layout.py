"""Where the probe's scratch memory has what filters read: the twin of ``struct scratch`` and of bpf/facts.h.

A test compares the numbers with the compiler's (see also :mod:`falcohost_syscall.records.record`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from falcohost_syscall.filters.condition import Number, Point, View
from falcohost_syscall.filters.site import VIEW_LONGEST, Memory

#: Members of struct header that are numbers, in bytes from its start.
HEADER: Final = {
    "ts": 0,
    "start": 8,
    "cgroup": 16,
    "caps": 24,
    "ret": 32,
    "args": 40,
    "pid": 88,
    "tid": 92,
    "ppid": 96,
    "vpid": 100,
    "vtid": 104,
    "uid": 108,
    "gid": 112,
    "loginuid": 116,
    "flags": 126,
}

#: Members of struct facts.
VIEWS: Final = ("name", "directory", "filename", "path", "path2", "str", "seen", "seen2")
MEMBERS: Final = {
    "local": 32,
    "remote": 48,
    "lport": 64,
    "rport": 66,
    "kind": 68,
    "l4proto": 69,
    "ip": 70,
    "lineage": 71,
    "tty": 72,
    "exe_flags": 76,
    "process": 80,
    "pids": 240,
    "flags": 272,
    "addressed": 276,
    "connected": 277,
    "led_to": 278,
    "made": 279,
    "names": 280,
    "environment": 296,
    "caps_permitted": 304,
    "structure": 312,
}
FACTS_SIZE: Final = 320
#: The views of struct file_names.
FILE_NAMES: Final = ("real", "host", "watched", "requested")
#: Of so many there are views: of the process itself, its parent, and so on. Names come first, then the texts of each.
GENERATIONS: Final = 8
PROCESS_TEXTS: Final = ("exepath", "exe", "args", "cmdline")
PROCESS_VIEWS: Final = GENERATIONS * (1 + len(PROCESS_TEXTS))

#: Members of struct scratch; what is at FREE nobody needs while filters run.
FREE: Final = 40
FACTS: Final = 96
RECORD: Final = 416
RECORD_SIZE: Final = 32768
#: What all filters are given.
MEMORY: Final = Memory(RECORD, RECORD_SIZE, FREE)
#: 0 where the event's file has no other name.
NAMES: Final = RECORD + RECORD_SIZE + 4096 + 4096 + 256 + 24
#: 0 where it is not known what the event's paths led to.
REACHED: Final = NAMES + 8
SCRATCH_SIZE: Final = NAMES + 96

#: The texts that are others under another name.
NAMED: Final = frozenset(
    (
        *(FACTS + 4 * VIEWS.index(name) for name in ("name", "directory", "filename")),
        FACTS + MEMBERS["names"] + 4 * FILE_NAMES.index("watched"),
    )
)
SEEN: Final = frozenset(FACTS + 4 * VIEWS.index(name) for name in ("seen", "seen2"))

#: What a descriptor leads to; NONE: to nothing, as after a failed open.
FD_NONE, FD_FILE, FD_DIRECTORY, FD_PIPE, FD_IPV4, FD_IPV6, FD_UNIX, FD_NETLINK = range(1, 9)
L4_TCP, L4_UDP, L4_ICMP, L4_RAW, L4_NONE = range(1, 6)
#: Whether there are two ends with addresses.
IP_YES, IP_NO = 1, 2
#: Whether an address was passed or got.
ADDRESSED_YES, ADDRESSED_NO = 1, 2
#: Whether the call made the file.
MADE_UNKNOWN, MADE_YES, MADE_NO = range(3)
#: Whether a socket is connected.
CONNECTED_YES, CONNECTED_NO = 1, 2
#: The bits of ``led_to``: that the paths of the call are what they led to, and not what was passed.
LED_TO, LED_TO2 = 1, 2

#: Whether the names of all ancestors are views.
LINEAGE_WHOLE, LINEAGE_LONGER = 1, 2
UNKNOWN_NUMBER: Final = 0xFFFFFFFF
UNKNOWN_BITS: Final = (1 << 64) - 1
#: In the flags of an executable: the container's init is not confined.
UNCONFINED: Final = 0x10000
#: What the probe tells only where filters ask for it.
ASKS_REQUESTED: Final = 1
ASKS_ENVIRONMENT: Final = 2

#: What user space says of the cgroups behind a key.
ON_HOST, IN_CONTAINER = 1, 2


def header(member: str, size: int, *, signed: bool = False, mask: int = 0, point: Point = Point.CALL) -> Number:
    """Return a number of the header."""
    return Number(RECORD + HEADER[member], size, signed, point, mask=mask)


def argument(place: int, size: int = 8, *, signed: bool = False, mask: int = 0) -> Number:
    """Return an argument of the call, or its lower bytes (both processors have those first)."""
    return Number(RECORD + HEADER["args"] + 8 * place, size, signed, mask=mask)


def fact(
    member: str, size: int, point: Point, *, late: Point | None = None, unknown: int | None = None, mask: int = 0
) -> Number:
    """Return a number of struct facts."""
    return Number(FACTS + MEMBERS[member], size, point=point, late=late, unknown=unknown, mask=mask)


def view(name: str, point: Point, *, late: Point | None = None, absolute: bool = False) -> View:
    """Return a text of struct facts."""
    return View(FACTS + 4 * VIEWS.index(name), point, point if late is None else late, absolute)


def file_name(name: str) -> View:
    """Return one of the names of the event's file, whatever that is by which it is seen."""
    return View(FACTS + MEMBERS["names"] + 4 * FILE_NAMES.index(name), Point.MEMORY, Point.MEMORY)


def environment() -> View:
    """Return the environment with which the program was started, with a zero behind each variable."""
    return View(FACTS + MEMBERS["environment"], Point.PROCESS, Point.PROCESS, searched=VIEW_LONGEST)


def process_name(generation: int) -> View:
    """Return the name of the process (0), of its parent (1), and so on."""
    return _process_view(generation, generation)


def process_text(name: str, generation: int) -> View:
    """Return a text of the process (0), of its parent (1), and so on."""
    index = GENERATIONS + len(PROCESS_TEXTS) * generation + PROCESS_TEXTS.index(name)
    return replace(_process_view(index, generation), cut=name in ("args", "cmdline"))


def process_id(generation: int) -> Number:
    """Return the number of the process (0), of its parent (1), and so on."""
    return Number(FACTS + MEMBERS["pids"] + 4 * generation, 4, point=_gathered(generation), unknown=UNKNOWN_NUMBER)


def _process_view(index: int, generation: int) -> View:
    point = _gathered(generation)
    return View(FACTS + MEMBERS["process"] + 4 * index, point, point)


def _gathered(generation: int) -> Point:
    return Point.ANCESTORS if generation else Point.PROCESS


#: The text that is another under another name of the file that was executed.
EXECUTED: Final = frozenset({process_text("exepath", 0).offset})
