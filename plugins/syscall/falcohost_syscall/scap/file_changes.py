"""What calls change about files and descriptors that are no sockets, as far as events of a capture tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from falcohost_syscall.calls import flags
from falcohost_syscall.records.text import absolute, text
from falcohost_syscall.scap.descriptors import CLOEXEC, Descriptor
from falcohost_syscall.scap.events import NO_TEXT, CapturedCall
from falcohost_syscall.scap.paths import directory_of, path_of
from falcohost_syscall.scap.tables import Thread

if TYPE_CHECKING:
    from falcohost_syscall.scap.changes import State

#: Falco's flags of open; those from here on are what became of the open.
O_DIRECTORY: Final = 0x400
_BECAME: Final = 0x4000
_LAYERS: Final = 0x18000
#: Flags of epoll_create1 and close_range.
#: What closes the descriptor at an exec, by the calls that have another bit for it than O_CLOEXEC.
_CLOSED_BY_EXEC: Final = {"epoll_create1": 1, "memfd_create": 1}
_CLOSE_RANGE_CLOEXEC: Final = 4
_FD_CLOEXEC: Final = 1

_MADE: Final = {
    **dict.fromkeys(("eventfd", "eventfd2"), "event"),
    **dict.fromkeys(("signalfd", "signalfd4"), "signalfd"),
    **dict.fromkeys(("inotify_init", "inotify_init1"), "inotify"),
    **dict.fromkeys(("epoll_create", "epoll_create1"), "eventpoll"),
    "timerfd_create": "timerfd",
    "memfd_create": "memfd",
    "userfaultfd": "userfaultfd",
    "io_uring_setup": "io_uring",
    "bpf": "bpf",
}
#: Those whose flags say whether an exec closes them.
_WITH_FLAGS: Final = ("eventfd2", "signalfd4", "inotify_init1", "timerfd_create")


def opened(state: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    """Add the file that was opened: under the name that was passed when the call began, if that is known."""
    if fd < 0:
        return
    bits = call.number("flags") or 0
    if not state.began_with(call, call.raw("name") or NO_TEXT):
        call, bits = _as_begun(state, call, bits)
    if call.name == "creat":
        bits = (call.number("creat_flags") or 0) << 15 & _LAYERS
    passed = call.text("name")
    _add_file(thread, call, fd, path_of(thread, call, passed), passed, bits)


def _opened_by_handle(_: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    passed = call.text("path")
    if fd >= 0:
        name = None if passed is None else absolute("/", text(passed))
        _add_file(thread, call, fd, name, passed, call.number("flags") or 0)


def _add_file(thread: Thread, call: CapturedCall, fd: int, name: str | None, passed: bytes | None, bits: int) -> None:
    kind, written = "directory" if bits & O_DIRECTORY else "file", text(passed or b"")
    ino, dev = call.number("ino") or 0, call.number("dev") or 0
    written = name if name == written else written  # one text, as for most files
    thread.descriptors[fd] = Descriptor(kind, name or "", ino, dev, bits, passed=written)


def _as_begun(state: State, call: CapturedCall, bits: int) -> tuple[CapturedCall, int]:
    """Return the call and its flags with the name, flags and directory that were passed when it began."""
    begun = state.started(call)
    name = begun.get("name", b"").rstrip(b"\0")
    if not name or name == NO_TEXT:
        return call, bits
    values = [begun.get(param) or value for (param, _), value in zip(call.type.params, call.values, strict=False)]
    changed = CapturedCall(call.type, call.ts, call.tid, call.cpu, values)
    return changed, (changed.number("flags") or 0) & (_BECAME - 1) | bits & -_BECAME


def _make(_: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    if fd < 0:
        return
    bits = call.number("flags") or 0
    if bit := _CLOSED_BY_EXEC.get(call.name):
        bits = CLOEXEC if bits & bit else 0
    elif call.name not in _WITH_FLAGS:
        bits = 0
    name = text(call.text("name") or b"") if call.name == "memfd_create" else ""
    thread.descriptors[fd] = Descriptor(_MADE[call.name], name, flags=bits)


def _make_pidfd(_: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    if fd >= 0:
        pid = call.number("pid") or 0
        thread.descriptors[fd] = Descriptor("pidfd", f"/proc/{pid}", flags=call.number("flags") or 0, pid=pid)


def _get_pidfd(state: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    pidfd = thread.descriptors.get(call.number("pid_fd") or 0)
    owner = None if pidfd is None or pidfd.kind != "pidfd" else state.tables.threads.get(pidfd.pid)
    found = None if owner is None else owner.descriptors.get(call.number("target_fd") or 0)
    if fd >= 0 and found is not None:
        thread.descriptors[fd] = replace(found, flags=found.flags | CLOEXEC)


def _make_pipe(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    if returned < 0:
        return
    made = Descriptor("pipe", ino=call.number("ino") or 0, flags=call.number("flags") or 0)
    for name in ("fd1", "fd2"):
        if (fd := call.number(name)) is not None:
            thread.descriptors[fd] = made


def _duplicate(_: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    known = thread.descriptors.get(call.number("oldfd") or 0)
    if fd >= 0 and known is not None:
        bits = (call.number("flags") or 0) & CLOEXEC if call.name == "dup3" else 0
        thread.descriptors[fd] = replace(known, flags=known.flags & ~CLOEXEC | bits)


def _control(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    fd = call.number("fd") or 0
    known = thread.descriptors.get(fd)
    if returned < 0 or known is None:
        return
    command = flags.TABLES["fcntl"].enum(call.number("cmd") or 0)
    if command == "F_SETFD":
        bits = CLOEXEC if (call.number("arg") or 0) & _FD_CLOEXEC else 0
        thread.descriptors[fd] = replace(known, flags=known.flags & ~CLOEXEC | bits)
    elif command in ("F_DUPFD", "F_DUPFD_CLOEXEC"):
        bits = CLOEXEC if command == "F_DUPFD_CLOEXEC" else 0
        thread.descriptors[returned] = replace(known, flags=known.flags & ~CLOEXEC | bits)


def _close(state: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    fd = call.number("fd")
    if returned >= 0 and fd in thread.descriptors:
        state.closing, state.closing_fd = thread.descriptors, fd or 0


def _close_range(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    if returned < 0:
        return
    first, last = call.number("first") or 0, call.number("last") or 0
    descriptors = thread.descriptors
    for fd in [fd for fd in descriptors if first <= fd <= last]:
        if (call.number("flags") or 0) & _CLOSE_RANGE_CLOEXEC:
            descriptors[fd] = replace(descriptors[fd], flags=descriptors[fd].flags | CLOEXEC)
        else:
            del descriptors[fd]


def _chdir(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    passed = call.text("path")
    if returned >= 0 and passed is not None:
        thread.leader.cwd = absolute(thread.leader.cwd, text(passed))


def _fchdir(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    directory = directory_of(thread, call, "fd")
    if returned >= 0 and directory:
        thread.leader.cwd = absolute(thread.leader.cwd, directory)


CHANGES: Final[dict[str, Callable[[State, Thread, CapturedCall, int], None]]] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), opened),
    "open_by_handle_at": _opened_by_handle,
    **dict.fromkeys(_MADE, _make),
    **dict.fromkeys(("pipe", "pipe2"), _make_pipe),
    **dict.fromkeys(("dup", "dup2", "dup3"), _duplicate),
    **dict.fromkeys(("chdir", "getcwd"), _chdir),
    "fcntl": _control,
    "pidfd_open": _make_pidfd,
    "pidfd_getfd": _get_pidfd,
    "close": _close,
    "close_range": _close_range,
    "fchdir": _fchdir,
}
