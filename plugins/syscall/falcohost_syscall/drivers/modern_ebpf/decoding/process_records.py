"""Updates the process table from the probe's records."""

from __future__ import annotations

from typing import Final

from falcohost_syscall.drivers.modern_ebpf.decoding.images import executed_image, executed_session
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import (
    ARG0,
    CGROUP,
    COMM,
    FLAGS,
    KIND,
    PID,
    PPID,
    RET,
    START,
    TS,
    VPID,
    Header,
    command,
    sections,
    sections_of,
)
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.longer import ARGUMENTS, ENVIRONMENT, LONGER
from falcohost_syscall.processes.table import Image, Process
from falcohost_syscall.records.record import (
    FLAG_NEWTHREAD,
    FORKED,
    KEPT,
    KIND_EXEC,
    NOT_KEPT,
    SEC_ARGS,
    SEC_CWD,
    SEC_ENV,
    SEC_EXE,
    SEC_EXEC,
    SEC_FILENAME,
    SEC_FORK,
    SEC_MORE_ARGS,
    SEC_MORE_ENV,
    SEC_PROCESS,
    Kept,
)
from falcohost_syscall.records.text import text

#: The two texts that may be long, by the sections with what follows their beginnings.
_MORE: Final = {SEC_MORE_ARGS: ARGUMENTS, SEC_MORE_ENV: ENVIRONMENT}

#: Calls that change the table if it is fed with all processes.
KEEPS_TABLE = frozenset({"setsid", "setpgid", "chdir", "fchdir"})


class ProcessRecords:
    """Applies records to a table; *h* is a record's header, *data* the whole record."""

    def __init__(self, table: LiveProcesses) -> None:
        self._table = table

    def find(self, h: Header) -> Process:
        """Return the process of a record whose entry is missing or outdated."""
        if h[KIND] != KIND_EXEC:
            return self._table.find(h[PID], h[START], h[PPID], h[VPID], command(h[COMM]), h[CGROUP])
        process = self._table.tell(h[PID], h[START], h[VPID])
        self.reparent(process, h[PPID])
        return process

    def reparent(self, process: Process, ppid: int) -> None:
        """Set another parent, if it is known."""
        parent = self._table.processes.get(ppid)
        if parent is not None:
            process.parent = parent
            process.ppid = ppid

    def tell(self, h: Header, data: bytes) -> None:
        """Apply the context of a process, which comes before the event that needs it."""
        table, found = self._table, sections(data)
        process = table.tell(h[PID], h[START], h[VPID])
        if h[PPID]:
            table.tell_parent(process, h[PPID], h[ARG0])
        if SEC_PROCESS in found:
            self._tell_kept(process, Kept._make(KEPT.unpack_from(found[SEC_PROCESS])), found)
        else:
            process.comm = command(h[COMM])
            table.look_up(process)
        if (cwd := found.get(SEC_CWD)) is not None:
            process.cwd = text(cwd)

    def _tell_kept(self, process: Process, kept: Kept, found: dict[int, bytes]) -> None:
        process.comm = text(kept.comm[: kept.comm_len])
        process.session = executed_session(kept.execed)
        exe, args = found.get(SEC_EXE, kept.exe[: kept.exe_len]), found.get(SEC_ARGS, kept.args[: kept.args_len])
        if kept.exe_len == NOT_KEPT:
            exe = procfs.read_if_same(process.pid, process.start, "exe") or exe
        if kept.args_len == NOT_KEPT:
            args = procfs.read_if_same(process.pid, process.start, ARGUMENTS)
        process.image = executed_image(kept.execed, args, found.get(SEC_ENV), exe, b"", kept.exec_ts)

    def fork(self, h: Header, data: bytes, maker: Process) -> None:
        """Add a new process."""
        if h[FLAGS] & FLAG_NEWTHREAD:
            return
        child = FORKED.unpack_from(sections(data)[SEC_FORK])
        self._table.fork(maker, child[:4], child[4], child[5], command(h[COMM]), h[CGROUP])

    def execute(self, h: Header, data: bytes, process: Process) -> None:
        """Record that the process now runs another program."""
        found = sections(data)
        cwd = found.get(SEC_CWD)
        self._table.execute(
            process,
            command(h[COMM]),
            _image(found, h[TS]),
            executed_session(found[SEC_EXEC]) if SEC_EXEC in found else process.session,
            None if cwd is None else text(cwd),
        )
        process.cgroup = h[CGROUP]

    def more(self, h: Header, data: bytes) -> None:
        """Keep a part of the arguments or the environment of a process that is behind their beginnings."""
        exec_ts, begin, size = h[ARG0 : ARG0 + 3]
        for tag, which in _MORE.items():
            if raw := b"".join(sections_of(data, tag)):
                LONGER.more((h[PID], h[START], exec_ts, which), begin, raw, size)

    def keep(self, name: str, h: Header, data: bytes, process: Process) -> None:
        """Apply the change that a call (one of KEEPS_TABLE) made to its process."""
        if h[RET] < 0:
            return
        if name == "setsid":
            process.session = (process.pid, process.pid, process.vpid, process.vpid, 0)
        elif name == "setpgid":
            table = self._table.processes
            # The numbers are of the caller's pid namespace; 0 stands for the caller, and for the new leader itself.
            target = process if h[ARG0] in (0, process.vpid) else table.get(h[ARG0])
            if target is not None:
                group = h[ARG0 + 1] or target.vpid
                leader = target.pid if group == target.vpid else group
                target.session = (target.session[0], leader, target.session[2], group, target.session[4])
        elif (cwd := sections(data).get(SEC_CWD)) is not None:
            process.cwd = text(cwd)

    def task(self, h: Header, data: bytes, arguments: bytes) -> None:
        """Add a process that the task iterator reported, which cannot read its *arguments*.

        :meth:`LiveProcesses.link` sets its parent.
        """
        found = sections(data)
        image = _image(found, 0)
        image.args_raw, image.args_cut = arguments, len(arguments) >= procfs.SNAP
        image.env_raw = found.get(SEC_ENV)
        process = Process(h[PID], h[PPID], h[VPID], h[START], command(h[COMM]), h[CGROUP], image)
        if SEC_EXEC in found:
            process.session = executed_session(found[SEC_EXEC])
        if (cwd := found.get(SEC_CWD)) is not None:
            process.cwd = text(cwd)
        self._table.task(process)


def _image(found: dict[int, bytes], ts: int) -> Image:
    return executed_image(
        found.get(SEC_EXEC, b""),
        found.get(SEC_ARGS, b""),
        found.get(SEC_ENV),
        found.get(SEC_EXE, b""),
        found.get(SEC_FILENAME, b""),
        ts,
    )
