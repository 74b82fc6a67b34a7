"""Tells a reader of the capture of processes: what it does not know of an event's process, and of those above it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from falcohost_syscall.calls import flags
from falcohost_syscall.calls.rows import EXEC, FORKS
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.longer import LONGER
from falcohost_syscall.processes.table import LIMIT, Image, Process
from falcohost_syscall.scap.lists import UNSET
from falcohost_syscall.scap.tables import Thread
from falcohost_syscall.scap.writing.lists import THREAD
from falcohost_syscall.scap.writing.teller import Teller
from falcohost_syscall.scap.writing.values import texts

#: Falco's flag of a child in a pid namespace of its own.
_IN_PIDS: Final = 0x20000000
#: Calls that change what is known of their process; an event has it as of after its call.
_CHANGES: Final = frozenset(
    (
        *("execve", "execveat", "setuid", "setresuid", "setreuid", "setgid", "setresgid", "setregid", "setfsuid"),
        *("setfsgid", "capset", "chdir", "fchdir", "chroot", "prctl", "setsid", "setpgid", "unshare", "setns"),
    )
)
#: Most ancestors that are told.
_DEPTH: Final = 64


class Processes:
    """Compares the process of each event with the reader's, and tells what differs.

    What was told once is not told again, even if a reader has no place for it.
    """

    def __init__(self, teller: Teller, containers: Containers) -> None:
        self._teller = teller
        self._containers = containers
        self._seen: dict[int, tuple[Any, ...]] = {}
        self._starts: dict[int, int] = {}

    def before(self, event: SyscallEvent) -> None:
        """Tell what a reader lacks of the process of *event*."""
        process, tid = _process_of(event), event.tid
        if process.pid < 0:
            return  # nothing is known of it here, either
        facts = (*_facts(process), event.uid, event.gid, event.loginuid, event.caps, event.cwd, event.vtid)
        threads = self._teller.tables.threads
        if self._seen.get(tid) == facts and tid in threads:
            return
        self._forget_former(process)
        known = threads.get(process.pid)
        if known is None or known.is_unknown:
            self._tell_above(process)
            if event.type in FORKS and event.ret == 0:
                return  # it tells its own begin
            known = self._begin(process, event)
        elif event.type in _CHANGES and event.ret >= 0:
            self._tell_thread(event, known)
            return
        else:
            self._tell_above(process)
        self._mend(known, process, event)
        self._tell_thread(event, known)
        if tid in threads:
            self._mend_thread(event)
        if len(self._seen) >= LIMIT:
            self._seen.clear()
        self._seen[tid] = facts

    def _forget_former(self, process: Process) -> None:
        """Tell the end of a process that had the pid of this one, and of a parent that has ended."""
        threads, pid = self._teller.tables.threads, process.pid
        if self._starts.get(pid, process.start) != process.start and pid in threads:
            self._end(pid, 1)
        if len(self._starts) >= LIMIT:
            self._starts.clear()
        self._starts[pid] = process.start

    def _end(self, pid: int, reaper: int) -> None:
        for tid in [tid for tid in self._teller.tables.groups.get(pid, ()) if tid != pid]:
            self._teller.tell("procexit", tid, status=0, ret=0, sig=0, core=0, reaper_tid=0)
        self._teller.tell("procexit", pid, status=0, ret=0, sig=0, core=0, reaper_tid=reaper)

    def _tell_above(self, process: Process) -> None:
        """Tell of those ancestors that a reader does not know, or knows otherwise."""
        threads = self._teller.tables.threads
        for one in reversed([*_above(process)]):
            self._forget_former(one)
            known = threads.get(one.pid)
            facts = _facts(one)
            if known is not None and not known.is_unknown and self._seen.get(-one.pid) == facts:
                continue
            if known is None or known.is_unknown:
                known = self._begin(one, None)
            self._mend(known, one, None)
            self._seen[-one.pid] = facts
        known = threads.get(process.pid)
        if known is None or known.is_unknown:
            return
        former = known.process.up()
        if former is not None and former.pid != process.ppid and process.ppid in threads:
            self._end(former.pid, process.ppid)

    def _begin(self, process: Process, event: SyscallEvent | None) -> Thread:
        """Tell that a process begins."""
        of = self._described(process, event)
        bits = _IN_PIDS if process.vpid not in (process.pid, 0) else 0
        vpid = process.vpid or process.pid
        self._teller.tell(
            "clone",
            process.pid,
            **of,
            res=0,
            ptid=process.ppid,
            flags=bits,
            vtid=vpid,
            vpid=vpid,
            pidns_init_start_ts=process.image.pidns_start,
        )
        return self._teller.tables.threads[process.pid]

    def _described(self, process: Process, event: SyscallEvent | None) -> dict[str, Any]:
        """Return the parameters that begins of processes and of programs have in common."""
        exe, _, args = process.image.args_raw.partition(b"\0")
        cgroups = self._cgroups(process, event)
        known = self._teller.tables.threads.get(process.pid)
        return {
            "exe": exe + b"\0",
            "args": texts(args),
            "tid": process.pid,
            "pid": process.pid,
            "cwd": "",
            "fdlimit": -1 if known is None else known.fd_limit,
            "comm": process.comm,
            "cgroups": texts("\0".join(cgroups).encode()),
            "uid": event.uid if event is not None else UNSET if known is None else known.uid,
            "gid": event.gid if event is not None else UNSET if known is None else known.gid,
        }

    def _cgroups(self, process: Process, event: SyscallEvent | None) -> tuple[str, ...]:
        return self._containers.cgroups(process.cgroup) if event is None else event.cgroups

    def _mend(self, known: Thread, process: Process, event: SyscallEvent | None) -> None:
        """Tell what differs between the reader's process and the machine's."""
        tell, pid = self._teller.tell, process.pid
        if self._has_other_program(known, process, event):
            self._execute(process, event)
            known = self._teller.tables.threads[pid]
        sid = process.session[0]
        if sid > 0 and known.process.session[0] != sid:
            tell("setsid", pid, res=sid)
        cwd = process.cwd if event is None else event.cwd
        if cwd and cwd.startswith("/") and known.leader.cwd != cwd:
            tell("chdir", pid, res=0, path=cwd)

    def _mend_thread(self, event: SyscallEvent) -> None:
        """Tell the user, the group and the capabilities of the event's thread, where a reader knows others."""
        tell, tid = self._teller.tell, event.tid
        known = self._teller.tables.threads[tid]
        if known.uid != event.uid:
            tell("setresuid", tid, res=0, ruid=event.uid, euid=event.uid, suid=event.uid)
        if known.gid != event.gid:
            tell("setresgid", tid, res=0, rgid=event.gid, egid=event.gid, sgid=event.gid)
        if known.caps != event.caps:
            permitted, inheritable = event.proc.image.caps or (event.caps, 0)
            sets = {"cap_inheritable": inheritable, "cap_permitted": permitted, "cap_effective": event.caps}
            tell("capset", tid, res=0, **sets)

    def _has_other_program(self, known: Thread, process: Process, event: SyscallEvent | None) -> bool:
        mine, theirs = process.image, known.process.image
        if theirs.args_raw.rstrip(b"\0") != _as_told(mine):
            return True
        if theirs.exepath_raw != mine.exepath_raw or theirs.ino != mine.ino or known.process.comm != process.comm:
            return True
        if event is None:
            return False
        session, told = process.session, known.process.session
        if session[3:] != told[3:] and any(session):
            return True
        return known.loginuid != event.loginuid

    def _execute(self, process: Process, event: SyscallEvent | None) -> None:
        """Tell that a process executes its program."""
        image, session = process.image, process.session
        permitted, inheritable = image.caps or (0, 0)
        known = self._teller.tables.threads[process.pid]
        self._teller.tell(
            EXEC,
            process.pid,
            **self._described(process, event),
            res=0,
            ptid=process.ppid,
            env=texts(_environment(process)),
            tty=session[4],
            vpgid=session[3],
            loginuid=known.loginuid if event is None else event.loginuid,
            flags=flags.TABLES["execve"].convert(image.exe_flags),
            cap_inheritable=inheritable,
            cap_permitted=permitted,
            cap_effective=known.caps if event is None else event.caps,
            exe_ino=image.ino,
            exe_ino_ctime=image.ctime,
            exe_ino_mtime=image.mtime,
            trusted_exepath=image.exepath_raw + b"\0",
            pgid=session[1],
            filename=image.filename + b"\0" if image.filename else b"",
        )

    def _tell_thread(self, event: SyscallEvent, main: Thread) -> None:
        """Tell the begin of the event's thread, if it is not the main one and a reader does not know it."""
        known = self._teller.tables.threads.get(event.tid)
        if event.tid == event.pid or (known is not None and not known.is_unknown):
            return
        if event.type in FORKS and event.ret == 0:
            return
        self._teller.tell(
            "clone",
            event.tid,
            **self._described(event.proc, event) | {"tid": event.tid},
            res=0,
            ptid=main.process.ppid,
            flags=THREAD,
            vtid=event.vtid,
            vpid=event.vpid,
            pidns_init_start_ts=event.proc.image.pidns_start,
        )


def _process_of(event: SyscallEvent) -> Process:
    """Return the process itself, where an event of a thread has a copy with the thread's name."""
    thread: Thread | None = getattr(event, "thread", None)
    return event.proc if thread is None else thread.leader


def _facts(process: Process) -> tuple[Any, ...]:
    return process.pid, process.start, process.image, process.comm, process.ppid, process.session, process.cgroup


def _above(process: Process) -> Iterator[Process]:
    for _, one in zip(range(_DEPTH), process.ancestors(), strict=False):
        if one.alive and one.pid > 0:
            yield one


def _as_told(image: Image) -> bytes:
    """Return the arguments as a reader gets them."""
    exe, _, args = image.args_raw.partition(b"\0")
    return (exe + b"\0" + texts(args)).rstrip(b"\0")


def _environment(process: Process) -> bytes:
    with LONGER.beginnings():  # the beginning will do
        process.environment()
    return process.image.env_raw or b""
