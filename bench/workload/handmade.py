"""Records of system calls made by hand, as the probe would write them: for the syscall plugin's tests too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from socket import AF_INET, AF_UNIX

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.decoding.decoder import Decoder
from falcohost_syscall.events.event import Context
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.users import Users
from falcohost_syscall.records import record as R

Sections = Mapping[int, bytes]


def context() -> Context:
    """Return tables for events, empty."""
    return Context(LiveProcesses(), Users())


def decoder(*types: str, all_names: bool = True) -> Decoder:
    """Return a decoder, not yet fed, that passes on events of these types, or of all."""
    processes = LiveProcesses()
    wanted = frozenset(types) or frozenset(BY_NAME)
    return Decoder(Context(processes, Users()), processes, wanted, all_names=all_names)


@dataclass(frozen=True, slots=True)
class Task:
    """The actor: the data of the thread and its process in a header."""

    pid: int
    start: int = 1_000_000_000
    ppid: int = 1
    comm: bytes = b"bash"
    tid: int = 0
    uid: int = 0
    gid: int = 0
    loginuid: int = 0xFFFFFFFF
    cgroup: int = 7
    caps: int = 0

    def named(self, comm: bytes) -> Task:
        """Return the same task under another name."""
        return replace(self, comm=comm)


def record(
    kind: int,
    task: Task,
    sections: Sections | None = None,
    *,
    call: int = 0,
    ret: int = 0,
    args: tuple[int, ...] = (),
    ts: int = 10**12,
    flags: int = 0,
) -> bytes:
    """Return the bytes of one record."""
    found = sections or {}
    six = [arg & (1 << 64) - 1 for arg in (*args, 0, 0, 0, 0, 0, 0)[:6]]
    ids = (task.pid, task.tid or task.pid, task.ppid, task.pid, task.tid or task.pid, task.uid, task.gid, task.loginuid)
    head = R.HEADER.pack(ts, task.start, task.cgroup, task.caps, ret, *six, *ids, kind, call, 0, flags, task.comm)
    return head + b"".join(R.SECTION.pack(tag, len(data)) + data for tag, data in found.items())


def call(name: str, task: Task, ret: int, args: tuple[int, ...] = (), sections: Sections | None = None) -> bytes:
    """Return the record of a system call that returned *ret*."""
    return record(R.KIND_CALL, task, sections, call=BY_NAME[name].call, ret=ret, args=args)


def fork(maker: Task, child: Task) -> bytes:
    """Return the record of *maker* making the process *child*."""
    forked = R.FORKED.pack(child.pid, child.pid, child.pid, child.pid, child.start, child.ppid)
    return record(R.KIND_FORK, maker, {R.SEC_FORK: forked})


def execution(task: Task, exe: bytes, argv: tuple[bytes, ...], **facts: int) -> bytes:
    """Return the record of *task*, already under its new name, having run *exe*; *facts* are of ``struct execed``."""
    execed = R.Execed(*[facts.get(name, 0) for name in R.Execed._fields])
    sections = {
        R.SEC_EXEC: R.EXECED.pack(*execed),
        R.SEC_EXE: exe,
        R.SEC_FILENAME: exe,
        R.SEC_ARGS: b"".join(arg + b"\0" for arg in argv),
        R.SEC_ENV: b"HOME=/root\0LANG=C\0",
        R.SEC_CWD: b"/root",
    }
    return record(R.KIND_EXEC, task, sections, call=BY_NAME["execve"].call)


def end(task: Task, reaper: int = 1, status: int = 0) -> bytes:
    """Return the record of the process *task* ending."""
    return record(R.KIND_EXIT, task, args=(status, 1, reaper))


def cgroups(key: int, *lines: bytes) -> bytes:
    """Return the record with the paths for a cgroup key."""
    head = record(R.KIND_CGROUP, Task(0, cgroup=key))
    return head + b"".join(R.SECTION.pack(R.SEC_CGROUP, len(line)) + line for line in lines)


def fdinfo(mode: int = 0o100644, ino: int = 42, layer: int = 0, fmode: int = 0) -> bytes:
    """Return the data of SEC_FD."""
    return R.FDINFO.pack(ino, mode, 0xFE00, 0xEF53, layer, fmode, 0)


def tcp(local: tuple[str, int], remote: tuple[str, int], state: int = 1, kind: int = 1, ino: int = 99) -> bytes:
    """Return the data of SEC_SOCK for a socket of IPv4."""
    ends = [bytes(int(part) for part in ip.split(".")).ljust(16, b"\0") for ip in (local[0], remote[0])]
    return R.SOCKINFO.pack(AF_INET, kind, 0, state, local[1], remote[1], 0, *ends, ino, 0, 0)


def unix(ino: int = 98, own: int = 0xFFFF8000, peer: int = 0) -> bytes:
    """Return the data of SEC_SOCK for a socket of AF_UNIX; *own* and *peer* are addresses of kernel memory."""
    return R.SOCKINFO.pack(AF_UNIX, 1, 0, 1, 0, 0, 0, bytes(16), bytes(16), ino, own, peer)
