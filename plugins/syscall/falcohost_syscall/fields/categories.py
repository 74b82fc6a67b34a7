"""The category of a call, and what its failure counts as, both by the type of the descriptor that it used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from falcohost import Arg
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.fields.field import Get

_FILES: Final = frozenset({"file", "directory"})
_NET: Final = frozenset({"ipv4", "ipv6"})
_SOCKETS: Final = _NET | {"unix"}
_IPC: Final = frozenset({"pipe", "unix", "event", "signalfd", "inotify", "userfaultfd"})
_OPENS: Final = frozenset({"open", "creat", "openat", "openat2", "open_by_handle_at"})
_CONNECTS: Final = frozenset({"accept", "accept4", "connect"})


def category(event: SyscallEvent, _: Arg) -> str:
    """Return the category of the call; that of a read, a write and the like is the one of its descriptor."""
    found = event.row.category
    if not found.startswith("I/O"):
        return found
    kind = event.fd_type or ""
    return "file" if kind in _FILES else "net" if kind in _NET else "ipc" if kind in _IPC else "unknown"


def error_count(counts: Callable[[SyscallEvent], bool]) -> Get:
    """Return the getter of 1 for a call that failed, 0 for another, and None for those that *counts* is false of."""

    def get(event: SyscallEvent, _: Arg) -> int | None:
        return int(event.ret < 0) if event.row.returns and counts(event) else None

    return get


def _of_kinds(kinds: frozenset[str], types: frozenset[str]) -> Callable[[SyscallEvent], bool]:
    """Return what is true for calls on a descriptor of these *kinds*, or of these *types* if it is not known."""

    def counts(event: SyscallEvent) -> bool:
        kind = _kind(event)
        return event.type in types if kind is None else kind in kinds

    return counts


def _kind(event: SyscallEvent) -> str | None:
    """Return the type of the descriptor that the call used or made; that of a directory of a path does not count."""
    row = event.row
    return event.fd_type if row.creates_fd or row.used_fd is not None else None


def on_memory(event: SyscallEvent) -> bool:
    """Tell whether the call is about memory."""
    return event.row.category == "memory"


def every(event: SyscallEvent) -> bool:
    """Tell that every call counts."""
    return True


def on_others(event: SyscallEvent) -> bool:
    """Tell whether the call is about nothing of these."""
    kind = _kind(event)
    if kind is None:
        return event.type not in _OPENS | _CONNECTS and not on_memory(event)
    return kind not in _FILES | _SOCKETS


on_files = _of_kinds(_FILES, _OPENS)
on_sockets = _of_kinds(_SOCKETS, _CONNECTS)
