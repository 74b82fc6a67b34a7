"""What calls change about processes, as far as events of a capture tell: they begin, execute and end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Final

from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.processes.described import ADDED, REMOVED
from falcohost_syscall.processes.table import Image, Process
from falcohost_syscall.records.text import absolute, text
from falcohost_syscall.scap.descriptors import CLOEXEC
from falcohost_syscall.scap.events import NO_TEXT, CapturedCall
from falcohost_syscall.scap.lists import UNSET, ListedUser
from falcohost_syscall.scap.tables import NOBODY, Thread, exe_flags, joined

if TYPE_CHECKING:
    from falcohost_syscall.scap.changes import State

#: Numbers of 64 bits from here on are negative ones.
_NEGATIVE: Final = 1 << 63
#: Falco's flags of clone(2) and of executables.
_NEW_PIDS, _OF_PARENT, _OF_THREAD, _NEW_USER = 0x40, 0x100, 0x2000, 0x100000
_VFORK, _IN_PIDS = 0x8000000, 0x20000000
_EXE_WRITABLE, _EXE_UPPER, _EXE_MEMFD, _EXE_LOWER = 1, 2, 4, 8
#: Within this time, in nanoseconds, a thread that is told of twice is the same.
_SAME: Final = 2_000_000_000
#: How many threads that have ended are remembered.
_ENDED: Final = 8192
_NO_FILE: Final = 7
_ALL_CAPS: Final = (1 << 41) - 1
_AT_EMPTY_PATH: Final = 1
_WRAPS: Final = 1 << 64


def _number(call: CapturedCall, name: str, default: int) -> int:
    found = call.number(name)
    return default if found is None else found


def _fork(state: State, thread: Thread, call: CapturedCall, child: int) -> None:
    if child == 0:
        _begin(state, thread, call)
    elif child > 0:
        _made(state, thread, call, child)


def _begin(state: State, thread: Thread, call: CapturedCall) -> None:
    """Add the thread that reports its own begin, unless its maker has done so."""
    tables = state.tables
    if thread.start and call.ts - thread.start < _SAME:
        return
    tables.remove(thread)
    bits, pid = _number(call, "flags", 0), _number(call, "pid", call.tid)
    own = (_number(call, "vtid", call.tid), _number(call, "vpid", NOBODY))
    is_thread = bool(bits & _OF_THREAD) or pid != call.tid
    maker = tables.thread(pid if is_thread else _number(call, "ptid", NOBODY))
    child = _child(state, maker, call, (call.tid, pid, *own))
    child.came_first = True
    if bits & (_IN_PIDS | _NEW_PIDS) or child.tid != child.vtid:
        started = call.number("pidns_init_start_ts")
        child.process.image = copy(child.process.image)
        child.process.image.pidns_start = started or 0
    tables.add(child)


def _made(state: State, thread: Thread, call: CapturedCall, tid: int) -> None:
    """Add the thread that a call has made, unless only that thread itself can tell its numbers."""
    tables, bits = state.tables, _number(call, "flags", 0)
    if thread.is_unknown:
        _mend(state, thread, call)
    if bits & (_IN_PIDS | _NEW_PIDS | _OF_PARENT | _VFORK) or call.tid != thread.vtid or call.name == "vfork":
        return
    if call.ts - state.ended.get((call.tid, tid), -_SAME) < _SAME:
        return
    known = tables.threads.get(tid)
    if known is not None:
        if known.came_first:
            return
        tables.remove(known)
    pid = thread.process.pid if bits & _OF_THREAD else tid
    tables.add(_child(state, thread, call, (tid, pid, tid, pid)))


def _mend(state: State, thread: Thread, call: CapturedCall) -> None:
    """Make a process of a thread of which nothing was known, from what its own call tells."""
    made = Image(joined(call.text("exe") or b"", call.raw("args") or b""), b"", b"")
    pid, vpid = _number(call, "pid", thread.tid), _number(call, "vpid", NOBODY)
    process = Process(pid, _number(call, "ptid", NOBODY), vpid, 0, _name(call), thread.cgroup, made)
    process.session, process.cwd = thread.process.session, thread.process.cwd
    thread.vtid, thread.vpid = _number(call, "vtid", thread.tid), vpid
    _become(state, thread, process)


def _become(state: State, thread: Thread, process: Process) -> None:
    """Give a thread another process."""
    tables = state.tables
    tables.remove(thread)
    known = thread.process.up()
    thread.process = process
    if process.pid == thread.tid or process.pid not in tables.processes.processes:
        thread.leader = tables.processes.add(process, link=False)
    else:
        thread.leader = tables.processes.processes[process.pid]
    # The thread that made it may have ended, so that whoever took over its children is the parent.
    process.parent = tables.parent(process.ppid) or known
    tables.add(thread)


def _name(call: CapturedCall) -> str:
    return text(call.text("comm") or call.text("exe") or b"")


def _child(state: State, maker: Thread, call: CapturedCall, own: tuple[int, int, int, int]) -> Thread:
    """Return a new thread of *maker*, or of the process that maker belongs to; *own* is (tid, pid, vtid, vpid)."""
    tables, (tid, pid, vtid, vpid) = state.tables, own
    cgroups = call.raw("cgroups")
    cgroup = maker.cgroup if cgroups is None else tables.told_cgroup(cgroups, 0, maker.cgroup)
    # Flags of a clone3 are read when it returns; its caller may have used their memory for something else by then.
    is_thread = bool(_number(call, "flags", 0) & _OF_THREAD) or pid != tid
    ppid, image = maker.process.ppid if is_thread else maker.tid, _inherited(maker, call)
    process = Process(pid, ppid, vpid, call.ts, _name(call), cgroup, image)
    process.session = maker.process.session
    process.cwd = maker.leader.cwd
    child = Thread(tid, process, process, vtid, vpid, cgroup=cgroup, start=call.ts)
    child.loginuid, child.caps = maker.loginuid, maker.caps
    child.uid, child.gid = _number(call, "uid", UNSET), _number(call, "gid", UNSET)
    child.fd_limit = _number(call, "fdlimit", -1)
    child.memory = tuple(_number(call, name, 0) for name in MEMORY_PARAMS)
    if is_thread:
        child.leader, child.descriptors = maker.leader, maker.descriptors
        process.parent = maker.process.parent
    else:
        child.descriptors = dict(maker.descriptors)
        process.parent = None if maker.is_unknown else maker.leader
        tables.processes.add(process, link=False)
    return child


def _inherited(maker: Thread, call: CapturedCall) -> Image:
    """Return the program of a new thread: its maker's, shared if the arguments are the same."""
    known = maker.process.image
    args = joined(call.text("exe") or b"", call.raw("args") or b"")
    unknown = maker.is_unknown
    if not unknown and known.args_raw == args and not known.pidns_start and not known.exec_ts:
        return known
    made = Image(args, known.env_raw, b"" if unknown else known.exepath_raw)
    if not unknown:
        made.ino, made.ctime, made.mtime, made.caps = known.ino, known.ctime, known.mtime, known.caps
        made.exe_flags, made.privileged = known.exe_flags, known.privileged
    return made


def _execute(state: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    if returned < 0:
        return
    tables = state.tables
    process = copy(thread.process)
    if thread.is_unknown:
        process.ppid = _number(call, "ptid", NOBODY)
        process.vpid = thread.vpid = _number(call, "pid", thread.tid)
        thread.vtid = thread.tid
        process.cwd = ""
    process.pid = _number(call, "pid", thread.tid)
    process.image = _image(state, thread, call)
    process.comm = _name(call)
    if (cgroups := call.raw("cgroups")) is not None:
        thread.cgroup = process.cgroup = tables.told_cgroup(cgroups, call.tid, thread.cgroup)
    session = process.session
    pgid, vpgid = _number(call, "pgid", -1), _number(call, "vpgid", session[3])
    process.session = (session[0], pgid, session[2], vpgid, _number(call, "tty", session[4]))
    thread.loginuid = _number(call, "loginuid", thread.loginuid)
    thread.uid, thread.gid = _number(call, "uid", thread.uid), _number(call, "gid", thread.gid)
    thread.caps = _number(call, "cap_effective", thread.caps)
    limit = _number(call, "fdlimit", thread.fd_limit)
    thread.fd_limit = limit if limit < _NEGATIVE else -1
    if call.raw("vm_swap") is not None:
        thread.memory = tuple(_number(call, name, 0) for name in MEMORY_PARAMS)
    for other in tables.groups.get(process.pid, set()) - {thread.tid, process.pid}:
        tables.remove(tables.threads[other])
    _replace(state, thread, process)
    for fd in [fd for fd, one in thread.descriptors.items() if one.flags & CLOEXEC]:
        del thread.descriptors[fd]


def _replace(state: State, thread: Thread, process: Process) -> None:
    """Put *process* in the place of the one that *thread* has had, for those whose parent that is."""
    former, known = thread.process, state.tables.processes.processes
    if former.pid != process.pid or known.get(former.pid) is not former:
        _become(state, thread, process)
        return
    for name in ("comm", "cwd", "image", "session", "cgroup", "ppid", "vpid"):
        setattr(former, name, getattr(process, name))


def _image(state: State, thread: Thread, call: CapturedCall) -> Image:
    known = thread.process.image
    env = call.raw("env")
    path = call.text("trusted_exepath")
    found = Image(
        joined(call.text("exe") or b"", call.raw("args") or b""),
        known.env_raw if env is None else env,
        _passed(state, thread, call) if path is None else path,
        call.ts,
    )
    found.filename = call.text("filename") or b""
    found.pidns_start = known.pidns_start
    if call.raw("exe_ino_mtime") is None:
        found.ino, found.ctime, found.mtime = known.ino, known.ctime, known.mtime
    else:
        found.ino, found.ctime, found.mtime = (_number(call, f"exe_ino{part}", 0) for part in ("", "_ctime", "_mtime"))
    permitted, inheritable = call.number("cap_permitted"), call.number("cap_inheritable")
    found.caps = known.caps if permitted is None or inheritable is None else (permitted, inheritable)
    bits = call.number("flags")
    found.exe_flags = known.exe_flags if bits is None else exe_flags(
        bits & _EXE_WRITABLE, bits & _EXE_UPPER, bits & _EXE_MEMFD, bits & _EXE_LOWER
    )  # fmt: skip
    return found


def _passed(state: State, thread: Thread, call: CapturedCall) -> bytes:
    """Return the path of the executable as it was passed when the call began, made absolute; as known if it is not."""
    begun = state.started(call) or state.begun_execveat(call)
    if "filename" in begun:
        passed = begun["filename"].split(b"\0", 1)[0]
        return passed if passed == NO_TEXT else _encoded(absolute(thread.leader.cwd, text(passed)))
    if "pathname" in begun:
        passed = begun["pathname"].split(b"\0", 1)[0]
        return _encoded(_passed_at(thread, begun, passed))
    return thread.process.image.exepath_raw


def _encoded(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _passed_at(thread: Thread, begun: Mapping[str, bytes], passed: bytes) -> str:
    fd = int.from_bytes(begun.get("dirfd", b""), "little", signed=True)
    bits = int.from_bytes(begun.get("at", b""), "little")
    directory = thread.leader.cwd if fd == AT_FDCWD else None
    if fd != AT_FDCWD and (known := thread.descriptors.get(fd)) is not None:
        directory = known.name
    if directory is None and not passed.startswith(b"/"):
        return "<NA>"
    return absolute("/", directory or "") if bits & _AT_EMPTY_PATH else absolute(directory, text(passed))


def _exit(state: State, thread: Thread, call: CapturedCall, _: int) -> None:
    reaper = _number(call, "reaper_tid", NOBODY)
    tables = state.tables

    def later() -> None:
        if len(state.ended) >= _ENDED:
            del state.ended[next(iter(state.ended))]
        state.ended[thread.process.ppid, thread.tid] = call.ts
        group = tables.groups.get(thread.process.pid, set())
        if thread.is_main and len(group) > 1:
            return  # it stays as long as others run, as in the kernel
        if tables.remove(thread):
            tables.processes.exit(thread.leader, reaper)
            state.dead.discard(thread.tid)
        elif group == {thread.process.pid} and thread.process.pid in state.dead:
            state.dead.discard(thread.process.pid)
            tables.remove(tables.threads[thread.process.pid])
            tables.processes.exit(thread.leader, reaper)

    if thread.is_main:
        state.dead.add(thread.tid)
    state.later = later


def _set_user(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    for name in ("euid", "uid"):
        if returned == 0 and call.raw(name) is not None:
            thread.uid = _number(call, name, thread.uid)


def _set_group(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    for name in ("egid", "gid"):
        if returned == 0 and call.raw(name) is not None:
            thread.gid = _number(call, name, thread.gid)


def _set_session(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    if returned >= 0:
        process = thread.process
        process.session = (returned, process.session[1], returned, *process.session[3:])


def _set_capabilities(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    if returned >= 0:
        thread.caps = _number(call, "cap_effective", thread.caps)
        thread.process.image = copy(thread.process.image)
        thread.process.image.caps = (_number(call, "cap_permitted", 0), _number(call, "cap_inheritable", 0))


def _enter_user_namespace(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    bits = call.number("nstype" if call.name == "setns" else "flags") or 0
    if returned >= 0 and bits & _NEW_USER:
        thread.caps = _ALL_CAPS
        thread.process.image = copy(thread.process.image)
        thread.process.image.caps = (_ALL_CAPS, _ALL_CAPS)


def _set_limit(state: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    is_other = call.name == "prlimit"
    limit = call.number("newcur" if is_other else "cur")
    if returned < 0 or call.number("resource") != _NO_FILE or limit in (None, -1):
        return
    pid = call.number("pid") if is_other else 0
    of = thread if not pid else state.tables.threads.get(pid)
    main = None if of is None else state.tables.threads.get(of.process.pid)
    if main is not None:
        main.fd_limit = limit or 0


def _note_memory(state: State, thread: Thread, call: CapturedCall, _: int) -> None:
    if call.raw("vm_swap") is None:
        return
    sizes = tuple(_number(call, name, 0) for name in MEMORY_PARAMS[:3])
    faults = tuple(_number(call, name, had) for name, had in zip(MEMORY_PARAMS[3:], thread.memory[3:], strict=True))
    thread.memory = thread.memory[:3] + faults
    of = state.tables.threads.get(thread.process.pid, thread) if call.name == "switch" else thread
    of.memory = sizes + of.memory[3:]


def _note_times(_: State, thread: Thread, call: CapturedCall, __: int) -> None:
    own, kernel = _number(call, "cpu_usr", 0), _number(call, "cpu_sys", 0)
    before, times = thread.cpu_times, (own, kernel, own + kernel)
    thread.cpu_shares = _grown(own, before[0]), _grown(kernel, before[1]), _grown(times[2], before[2])
    thread.cpu_times = times


def _grown(now: int, before: int) -> float:
    """Return by how much a time has grown, as a percentage; one that becomes less has begun anew, as in Falco."""
    return float(min((now - before) % _WRAPS, 100)) if before else 0.0


def _change_users(state: State, _: Thread, call: CapturedCall, __: int) -> None:
    is_group = call.name.startswith("group")
    number, container = _number(call, "gid" if is_group else "uid", 0), text(call.text("container_id") or b"")
    users = state.tables.accounts.told(container) if container else state.tables.users
    if call.name.endswith("deleted"):
        users.remove(number, is_group=is_group)
        return
    name, home, shell = (call.text(param) or b"" for param in ("name", "home", "shell"))
    users.add(ListedUser(number, name, home, shell, is_group=is_group))


def _describe(state: State, _: Thread, call: CapturedCall, __: int) -> None:
    state.tables.described.tell(call.raw("json") or b"")


def _describe_by_plugin(state: State, _: Thread, call: CapturedCall, __: int) -> None:
    name = call.text("name")
    if name in (ADDED, REMOVED) and not call.number("plugin_id"):
        state.tables.described.tell(call.raw("data") or b"", removed=name == REMOVED)
    else:
        state.tables.described.last = None


#: The parameters with a process's memory, in the order of :attr:`Thread.memory`.
MEMORY_PARAMS: Final = ("vm_size", "vm_rss", "vm_swap", "pgft_maj", "pgft_min")
#: The types that tell it and change nothing else.
MEMORY: Final = ("brk", "mmap", "mmap2", "munmap", "switch")

CHANGES: Final[dict[str, Callable[[State, Thread, CapturedCall, int], None]]] = {
    **dict.fromkeys(("clone", "fork", "vfork", "clone3"), _fork),
    **dict.fromkeys(("execve", "execveat"), _execute),
    **dict.fromkeys(("setuid", "setresuid", "setreuid"), _set_user),
    **dict.fromkeys(("setgid", "setresgid", "setregid"), _set_group),
    **dict.fromkeys(("unshare", "setns"), _enter_user_namespace),
    **dict.fromkeys(("getrlimit", "setrlimit", "prlimit"), _set_limit),
    **dict.fromkeys(("useradded", "userdeleted", "groupadded", "groupdeleted"), _change_users),
    **dict.fromkeys(MEMORY, _note_memory),
    "procinfo": _note_times,
    "container": _describe,
    "asyncevent": _describe_by_plugin,
    "procexit": _exit,
    "setsid": _set_session,
    "capset": _set_capabilities,
}
