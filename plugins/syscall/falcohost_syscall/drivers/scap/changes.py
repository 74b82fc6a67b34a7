"""Applies the events of a capture to its tables: processes start, execute and end, descriptors are created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from falcohost_syscall.calls import flags
from falcohost_syscall.drivers.scap.addresses import as_sockaddr, read_tuple
from falcohost_syscall.drivers.scap.events import CapturedCall
from falcohost_syscall.drivers.scap.tables import Descriptor, Ends, Tables, Thread, exe_flags, families, layer_of
from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.events.sockets import CLIENT, LISTENING, SERVER, Endpoint, parse_sockaddr
from falcohost_syscall.processes.table import Image
from falcohost_syscall.records.text import absolute, text

_KINDS: Final = families()
#: Falco's flags of open, clone(2) and executables.
_O_DIRECTORY: Final = 0x400
_CLONE_FILES, _CLONE_THREAD = 1, 0x2000
_EXE_WRITABLE, _EXE_UPPER, _EXE_MEMFD, _EXE_LOWER = 1, 2, 4, 8
_PR_SET_NAME: Final = 15

_MADE: Final = {
    **dict.fromkeys(("eventfd", "eventfd2"), "event"),
    **dict.fromkeys(("signalfd", "signalfd4"), "signalfd"),
    **dict.fromkeys(("inotify_init", "inotify_init1"), "inotify"),
    **dict.fromkeys(("epoll_create", "epoll_create1"), "eventpoll"),
    "timerfd_create": "timerfd",
    "memfd_create": "memfd",
    "pidfd_open": "pidfd",
    "userfaultfd": "userfaultfd",
    "io_uring_setup": "io_uring",
}
_OPENS: Final = ("open", "openat", "openat2", "creat", "open_by_handle_at")
_FORKS: Final = ("clone", "fork", "vfork", "clone3")
_DUPLICATES: Final = ("dup", "dup2", "dup3", "fcntl")
_SENDS: Final = ("sendto", "sendmsg", "sendmmsg")
_RECEIVES: Final = ("recvfrom", "recvmsg", "recvmmsg")

Change = Callable[["Changes", Thread, CapturedCall, int], None]


class Changes:
    """Keeps *tables* up to date. What an event removes stays until the next event."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._later: Callable[[], None] | None = None

    def apply(self, call: CapturedCall) -> Thread:
        """Apply the change that *call* made to the tables; return its thread after that."""
        if self._later is not None:
            self._later()
            self._later = None
        change = _CHANGES.get(call.name)
        thread = self._tables.thread(call.tid)
        returned = result(call)
        if change is not None and (returned >= 0 or change is Changes._connect):
            change(self, thread, call, returned)
            thread = self._tables.thread(call.tid)
        return thread

    def _open(self, thread: Thread, call: CapturedCall, fd: int) -> None:
        bits = call.number("flags") or 0
        name = path_of(thread, call, call.text("name" if call.name != "open_by_handle_at" else "path"))
        thread.descriptors[fd] = Descriptor(
            "directory" if bits & _O_DIRECTORY else "file",
            name or "",
            call.number("ino") or 0,
            call.number("dev") or 0,
            layer_of(bits),
        )

    def _make(self, thread: Thread, call: CapturedCall, fd: int) -> None:
        thread.descriptors[fd] = Descriptor(_MADE[call.name], text(call.text("name") or b""))

    def _make_pair(self, thread: Thread, call: CapturedCall, _: int) -> None:
        ino = call.number("ino") or 0
        for name in ("fd1", "fd2"):
            if (fd := call.number(name)) is not None:
                is_pipe = call.name != "socketpair"
                ends = None if is_pipe else Ends(call.number("type") or 0)
                thread.descriptors[fd] = Descriptor("pipe" if is_pipe else "unix", ino=ino, ends=ends)

    def _socket(self, thread: Thread, call: CapturedCall, fd: int) -> None:
        kind = _KINDS.get(call.number("domain") or 0, "<NA>")
        ends = Ends((call.number("type") or 0) & 0xF, call.number("proto") or 0)
        thread.descriptors[fd] = Descriptor(kind, ends=ends)

    def _duplicate(self, thread: Thread, call: CapturedCall, fd: int) -> None:
        old = call.number("fd" if call.name == "fcntl" else "oldfd")
        if call.name == "fcntl":
            command = flags.TABLES["fcntl"].enum(call.number("cmd") or 0)
            if not command.startswith("F_DUPFD"):
                return
        if old in thread.descriptors:
            thread.descriptors[fd] = thread.descriptors[old]

    def _close(self, thread: Thread, call: CapturedCall, _: int) -> None:
        fd = call.number("fd")
        self._later = lambda: self._forget(thread, (fd,)) if fd is not None else None

    def _close_range(self, thread: Thread, call: CapturedCall, _: int) -> None:
        first, last = call.number("first") or 0, call.number("last") or 0
        self._later = lambda: self._forget(thread, [fd for fd in thread.descriptors if first <= fd <= last])

    @staticmethod
    def _forget(thread: Thread, numbers: list[int] | tuple[int, ...]) -> None:
        for fd in numbers:
            thread.descriptors.pop(fd, None)

    # Sockets.

    def _connect(self, thread: Thread, call: CapturedCall, _: int) -> None:
        self._take_ends(thread, call, call.number("fd"), CLIENT, outwards=True)

    def _accept(self, thread: Thread, call: CapturedCall, fd: int) -> None:
        thread.descriptors.pop(fd, None)
        self._take_ends(thread, call, fd, SERVER, outwards=False)

    def _send(self, thread: Thread, call: CapturedCall, _: int) -> None:
        self._take_ends(thread, call, call.number("fd"), CLIENT, outwards=True)

    def _receive(self, thread: Thread, call: CapturedCall, _: int) -> None:
        self._take_ends(thread, call, call.number("fd"), SERVER, outwards=False)

    def _bind(self, thread: Thread, call: CapturedCall, _: int) -> None:
        descriptor = thread.descriptors.get(call.number("fd") or 0)
        address = as_sockaddr(call.raw("addr") or b"")
        end = None if address is None else parse_sockaddr(address)
        if descriptor is None or descriptor.ends is None or end is None:
            return
        if descriptor.kind == _KINDS.get(end[0]):
            descriptor.ends.local, descriptor.ends.role = end[1], LISTENING

    def _take_ends(self, thread: Thread, call: CapturedCall, fd: int | None, role: str, *, outwards: bool) -> None:
        """Set both ends of a socket; its role is the first one that becomes known."""
        found = read_tuple(call.raw("tuple") or b"")
        if found is None or fd is None:
            return
        descriptor = thread.descriptors.get(fd)
        if descriptor is None or descriptor.ends is None or descriptor.kind != _KINDS[found.family]:
            type_ = 1 if call.name in ("connect", "accept", "accept4") else 0
            descriptor = thread.descriptors[fd] = Descriptor(_KINDS[found.family], ends=Ends(type_))
        ends = descriptor.ends or Ends()
        if ends.role in (None, LISTENING):
            ends.role = role
        source, destination = found.objects
        if outwards:
            ends.local, ends.remote, ends.objects = found.source, found.destination, (source, destination)
        else:
            ends.local, ends.remote, ends.objects = found.destination, found.source, (destination, source)

    # Processes.

    def _fork(self, thread: Thread, call: CapturedCall, child: int) -> None:
        """Add a new thread or process, which both the caller and the new one report."""
        bits = call.number("flags") or 0
        if child == 0:
            maker, tid = self._tables.threads.get(call.number("ptid") or 0), call.tid
            pid, vtid, vpid = call.number("pid") or tid, call.number("vtid"), call.number("vpid")
        else:
            maker, tid = thread, child
            pid = thread.process.pid if bits & _CLONE_THREAD else child
            vtid = vpid = None
        known = self._tables.threads.get(tid)
        if child and known is not None and known.process.start == call.ts:
            return
        self._add_child(maker or thread, call, tid, pid, (vtid or tid, vpid or pid))

    def _add_child(self, maker: Thread, call: CapturedCall, tid: int, pid: int, own: tuple[int, int]) -> None:
        tables, bits = self._tables, call.number("flags") or 0
        cgroups = call.raw("cgroups")
        cgroup = maker.cgroup if cgroups is None else tables.cgroup(cgroups)
        comm = text(call.text("comm") or maker.process.comm.encode())
        known = tables.threads.get(tid)
        process = tables.processes.processes.get(pid) if tid != pid else None
        if process is None:
            parent = maker.process
            if known is not None and known.process is parent:
                parent = known.process.parent or parent
            process = tables.processes.fork(parent, (pid, tid, own[1], own[0]), call.ts, parent.pid, comm, cgroup)
        shared = bits & (_CLONE_FILES | _CLONE_THREAD)
        descriptors = maker.descriptors if shared else dict(maker.descriptors)
        child = maker.copied(tid, process, own[0], descriptors)
        child.cgroup = cgroup
        child.uid, child.gid = _number(call, "uid", maker.uid), _number(call, "gid", maker.gid)
        tables.add(child)

    def _execute(self, thread: Thread, call: CapturedCall, _: int) -> None:
        tables, process = self._tables, thread.process
        if process.pid not in tables.processes.processes:
            process.ppid = call.number("ptid") or 0
            tables.processes.add(process)
        if (cwd := call.text("cwd")) is not None:
            process.cwd = text(cwd).rstrip("/") or "/"
        process.image = self._image(thread, call)
        process.comm = text(call.text("comm") or b"")
        if (cgroups := call.raw("cgroups")) is not None:
            thread.cgroup = process.cgroup = tables.cgroup(cgroups)
        session = process.session
        groups = _number(call, "pgid", session[1]), session[2], _number(call, "vpgid", session[3])
        process.session = (session[0], *groups, _number(call, "tty", session[4]))
        thread.loginuid = _number(call, "loginuid", thread.loginuid)
        thread.uid, thread.gid = _number(call, "uid", thread.uid), _number(call, "gid", thread.gid)
        thread.caps = _number(call, "cap_effective", thread.caps)

    def _image(self, thread: Thread, call: CapturedCall) -> Image:
        exe, args = call.text("exe") or b"", call.raw("args") or b""
        path = call.text("trusted_exepath")
        if path is None and (passed := call.text("filename")) is not None:
            path = (absolute(thread.process.cwd, text(passed))).encode()
        found = Image(exe + b"\0" + args, call.raw("env") or b"", path or b"", call.ts)
        found.filename = call.text("filename") or b""
        found.ino, found.ctime, found.mtime = (_number(call, f"exe_ino{part}", 0) for part in ("", "_ctime", "_mtime"))
        permitted, inheritable = call.number("cap_permitted"), call.number("cap_inheritable")
        if permitted is not None and inheritable is not None:
            found.caps = (permitted, inheritable)
        bits = call.number("flags") or 0
        found.exe_flags = exe_flags(bits & _EXE_WRITABLE, bits & _EXE_UPPER, bits & _EXE_MEMFD, bits & _EXE_LOWER)
        return found

    def _exit(self, thread: Thread, call: CapturedCall, _: int) -> None:
        reaper = call.number("reaper_tid")

        def later() -> None:
            self._tables.threads.pop(thread.tid, None)
            if thread.tid == thread.process.pid:
                self._tables.processes.exit(thread.process, thread.process.ppid if reaper is None else reaper)

        self._later = later

    def _chdir(self, thread: Thread, call: CapturedCall, _: int) -> None:
        passed = call.text("path")
        if passed is not None:
            thread.process.cwd = absolute(thread.process.cwd, text(passed))

    def _fchdir(self, thread: Thread, call: CapturedCall, _: int) -> None:
        descriptor = thread.descriptors.get(call.number("fd") or 0)
        if descriptor is not None and descriptor.name:
            thread.process.cwd = descriptor.name

    def _set_user(self, thread: Thread, call: CapturedCall, _: int) -> None:
        for name in ("uid", "euid"):
            if (uid := call.number(name)) not in (None, 0xFFFFFFFF):
                thread.uid = uid or 0
        for name in ("gid", "egid"):
            if (gid := call.number(name)) not in (None, 0xFFFFFFFF):
                thread.gid = gid or 0

    def _set_session(self, thread: Thread, call: CapturedCall, _: int) -> None:
        process = thread.process
        process.session = (process.pid, process.pid, process.vpid, process.vpid, 0)

    def _set_capabilities(self, thread: Thread, call: CapturedCall, _: int) -> None:
        thread.caps = _number(call, "cap_effective", thread.caps)


_CHANGES: Final[dict[str, Change]] = {
    **dict.fromkeys(_OPENS, Changes._open),
    **dict.fromkeys(_MADE, Changes._make),
    **dict.fromkeys(("pipe", "pipe2", "socketpair"), Changes._make_pair),
    **dict.fromkeys(_DUPLICATES, Changes._duplicate),
    **dict.fromkeys(("accept", "accept4"), Changes._accept),
    **dict.fromkeys(_SENDS, Changes._send),
    **dict.fromkeys(_RECEIVES, Changes._receive),
    **dict.fromkeys(_FORKS, Changes._fork),
    **dict.fromkeys(("execve", "execveat"), Changes._execute),
    **dict.fromkeys(("setuid", "setresuid", "setreuid", "setgid", "setresgid", "setregid"), Changes._set_user),
    "socket": Changes._socket,
    "connect": Changes._connect,
    "bind": Changes._bind,
    "close": Changes._close,
    "close_range": Changes._close_range,
    "procexit": Changes._exit,
    "chdir": Changes._chdir,
    "fchdir": Changes._fchdir,
    "setsid": Changes._set_session,
    "capset": Changes._set_capabilities,
}
#: Parameters that are the return value of a call.
_RESULTS: Final = ("res", "fd")


def result(call: CapturedCall) -> int:
    """Return the return value of the call: its first parameter if that is one of _RESULTS, else 0."""
    first = call.type.params[0][0]
    return (call.number(first) or 0) if first in _RESULTS else 0


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
    fd = call.number(directory)
    begin = thread.process.cwd if fd in (None, AT_FDCWD) else directory_of(thread, call, directory)
    return absolute(begin, text(passed))


def _number(call: CapturedCall, name: str, default: int) -> int:
    found = call.number(name)
    return default if found is None else found


def end_of(data: bytes | None) -> Endpoint | None:
    """Return the end in an address parameter."""
    address = as_sockaddr(data or b"")
    found = None if address is None else parse_sockaddr(address)
    return None if found is None else found[1]
