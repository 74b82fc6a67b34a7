"""Places of numbers and texts in the probe's scratch memory, which filters read."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from falcohost_syscall.filters.condition import Number, Point, View
from falcohost_syscall.filters.site import Lengths, Memory
from falcohost_syscall.records import record

#: Offsets of the members of struct header and struct facts.
HEADER: Final = record.PLACES["header"]
MEMBERS: Final = record.PLACES["facts"]
VIEWS: Final = record.ENUMS["view_index"]
#: The views of struct file_names.
FILE_NAMES: Final = tuple(record.PLACES["file_names"])
#: Number of processes with views: the process itself, its parent, and so on. Names come first, then each one's texts.
GENERATIONS: Final = record.GENERATIONS
PROCESS_TEXTS: Final = record.ENUMS["process_text"]
PROCESS_VIEWS: Final = GENERATIONS * (1 + len(PROCESS_TEXTS))

#: Members of struct scratch. No walk along a path is under way while filters run, so they may overwrite its position.
FREE: Final = record.PLACES["scratch"]["walk"]
FACTS: Final = record.PLACES["scratch"]["facts"]
RECORD: Final = record.PLACES["scratch"]["record"]
#: The memory that all filters are given.
MEMORY: Final = Memory(
    RECORD,
    record.RECORD_SIZE,
    FREE,
    Lengths(
        longest=record.VIEW_LONGEST,
        absent=record.VIEW_ABSENT,
        no_slash=record.VIEW_NO_SLASH,
        ends=record.VIEW_ENDS,
        begin=record.VIEW_BEGIN,
        told=record.BEGIN_TOLD,
    ),
)
#: 0 if the event's file has no other name.
NAMES: Final = record.PLACES["scratch"]["names"]
#: 0 if it is not known which files the event's paths led to.
REACHED: Final = NAMES + record.PLACES["names"]["reached"]

#: The texts that change when the filters are asked again under another name.
NAMED: Final = frozenset(
    (
        *(FACTS + 4 * VIEWS.index(name) for name in ("name", "directory", "filename")),
        FACTS + MEMBERS["names"] + 4 * FILE_NAMES.index("watched"),
    )
)
SEEN: Final = frozenset(FACTS + 4 * VIEWS.index(name) for name in ("seen", "seen2"))

#: What user space stores about the cgroups behind a key.
ON_HOST, IN_CONTAINER = 1, 2


def header(member: str, size: int, *, signed: bool = False, mask: int = 0, point: Point = Point.CALL) -> Number:
    """Return a number in the header."""
    return Number(RECORD + HEADER[member], size, signed, point, mask=mask)


def argument(place: int, size: int = 8, *, signed: bool = False, mask: int = 0) -> Number:
    """Return an argument of the call, or its lower bytes, which come first on both architectures."""
    return Number(RECORD + HEADER["args"] + 8 * place, size, signed, mask=mask)


def fact(
    member: str, size: int, point: Point, *, late: Point | None = None, unknown: int | None = None, mask: int = 0
) -> Number:
    """Return a number in struct facts."""
    return Number(FACTS + MEMBERS[member], size, point=point, late=late, unknown=unknown, mask=mask)


def view(name: str, point: Point, *, late: Point | None = None, absolute: bool = False) -> View:
    """Return a text in struct facts."""
    return View(FACTS + 4 * VIEWS.index(name), point, point if late is None else late, absolute)


def file_name(name: str) -> View:
    """Return one of the names of the event's file, independent of the name under which filters are asked."""
    return View(FACTS + MEMBERS["names"] + 4 * FILE_NAMES.index(name), Point.MEMORY, Point.MEMORY)


def environment() -> View:
    """Return the environment with which the program was started; each variable is terminated by a zero."""
    return View(FACTS + MEMBERS["environment"], Point.PROCESS, Point.PROCESS)


def process_name(generation: int) -> View:
    """Return the name of the process (0), of its parent (1), and so on."""
    return _process_view(generation, generation)


def process_text(name: str, generation: int) -> View:
    """Return a text of the process (0), of its parent (1), and so on."""
    index = GENERATIONS + len(PROCESS_TEXTS) * generation + PROCESS_TEXTS.index(name)
    return replace(_process_view(index, generation), cut=name in ("args", "cmdline"))


def process_id(generation: int) -> Number:
    """Return the pid of the process (0), of its parent (1), and so on."""
    return Number(
        FACTS + MEMBERS["pids"] + 4 * generation, 4, point=_gathered(generation), unknown=record.UNKNOWN_NUMBER
    )


def _process_view(index: int, generation: int) -> View:
    point = _gathered(generation)
    return View(FACTS + MEMBERS["process"] + 4 * index, point, point)


def _gathered(generation: int) -> Point:
    return Point.ANCESTORS if generation else Point.PROCESS


#: The text that changes when the filters are asked again under another name of the executed file.
EXECUTED: Final = frozenset({process_text("exepath", 0).offset})
