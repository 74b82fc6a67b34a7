"""Applies the most frequent events of captures to the tables without taking them apart: openat and close.

They do what :mod:`.file_changes` does, for events whose parameters have the usual sizes; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Final

from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.records.text import absolute, text
from falcohost_syscall.scap.descriptors import Descriptor
from falcohost_syscall.scap.events import NO_TEXT
from falcohost_syscall.scap.file_changes import O_DIRECTORY
from falcohost_syscall.scap.tables import Thread

if TYPE_CHECKING:
    from falcohost_syscall.scap.changes import State

#: Applies an event of a thread, whose parameters are between two places of the data and have this number; returns the
#: thread, or None if the event is unusual.
Quick = Callable[["State", int, bytes, tuple[int, int, int]], Thread | None]

_CLOSE, _OPENAT = 5, 307
_CLOSED: Final = Struct("<2H2q")
_CLOSED_SIZES: Final = (8, 8)
_SIZES: Final = Struct("<7H")
_BEFORE_NAME: Final = Struct("<2q")
_BEHIND_NAME: Final = Struct("<3IQ")
_NAME_SIZE: Final = 2
_OPENED: Final = _SIZES.size + _BEFORE_NAME.size + _BEHIND_NAME.size


def _close(state: State, tid: int, data: bytes, where: tuple[int, int, int]) -> Thread | None:
    place, end, count = where
    if end - place < _CLOSED.size:
        return None
    first, second, returned, fd = _CLOSED.unpack_from(data, place)
    if count != len(_CLOSED_SIZES) or (first, second) != _CLOSED_SIZES:
        return None
    thread = state.begin(tid)
    if returned >= 0:
        state.closing, state.closing_fd = thread.descriptors, fd
    return thread


def _openat(state: State, tid: int, data: bytes, where: tuple[int, int, int]) -> Thread | None:
    place, last, count = where
    if last - place < _OPENED:
        return None
    sizes = _SIZES.unpack_from(data, place)
    if count != len(sizes) or sizes[:2] != (8, 8) or sizes[3:] != (4, 4, 4, 8):
        return None
    if not sizes[_NAME_SIZE] or last - place < _OPENED + sizes[_NAME_SIZE]:
        return None
    at = place + _SIZES.size
    fd, directory = _BEFORE_NAME.unpack_from(data, at)
    if fd < 0:
        return state.begin(tid)
    at += _BEFORE_NAME.size
    end = at + sizes[_NAME_SIZE]
    passed = data[at:end]
    if not passed.endswith(b"\0") or not state.calls.began_with(tid, _OPENAT, passed):
        return None
    passed = passed[:-1]
    if passed == NO_TEXT or b"\0" in passed:
        return None
    bits, _, dev, ino = _BEHIND_NAME.unpack_from(data, end)
    thread = state.begin(tid)
    begin: str | None = None
    if passed[:1] != b"/":
        if directory == AT_FDCWD:
            begin = thread.leader.cwd
        elif (known := thread.descriptors.get(directory)) is not None:
            begin = known.name
    kind = "directory" if bits & O_DIRECTORY else "file"
    written = text(passed)
    name = absolute(begin, written)
    thread.descriptors[fd] = Descriptor(kind, name, ino, dev, bits, passed=name if name == written else written)
    return thread


#: The changes by the number of the event type.
QUICK: Final[Mapping[int, Quick]] = {_CLOSE: _close, _OPENAT: _openat}
