"""Makes paths in parameters of captured calls absolute."""

from __future__ import annotations

from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.records.text import absolute, text
from falcohost_syscall.scap.events import CapturedCall
from falcohost_syscall.scap.tables import Thread


def directory_of(thread: Thread, call: CapturedCall, name: str) -> str | None:
    """Return the path of a directory descriptor in a parameter; None for the working directory."""
    fd = call.number(name)
    if fd is None or fd == AT_FDCWD:
        return None
    descriptor = thread.descriptors.get(fd)
    return None if descriptor is None else descriptor.name


def path_of(thread: Thread, call: CapturedCall, passed: bytes | None, directory: str = "dirfd") -> str | None:
    """Return a path as passed, made absolute from the descriptor *directory* without following links."""
    if passed is None:
        return None
    if passed.startswith(b"/"):
        return absolute("/", text(passed))
    fd = call.number(directory)
    begin = thread.leader.cwd if fd in (None, AT_FDCWD) else directory_of(thread, call, directory)
    return absolute(begin, text(passed))
