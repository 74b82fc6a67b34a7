"""Processes by chance, and what the kernel would tell filters of them: the twin of bpf/about.bpf.h."""

from __future__ import annotations

import struct
from random import Random

from workload.handmade import Task

from falcohost_syscall.drivers.modern_ebpf.kept import kept
from falcohost_syscall.facts import layout
from falcohost_syscall.processes.table import Image, Process, ProcessTable
from falcohost_syscall.records import record as R

COMMANDS = ("bash", "sshd", "cat", "runc:[2:INIT]", "a-name-of-15-by", "héé", "sh", "")
EXECUTABLES = (b"/usr/bin/bash", b"/usr/sbin/sshd", b"memfd:x", b"/tmp/a (deleted)", b"", b"/x", b"/opt/" + b"y" * 300)
ARGUMENTS = (
    (b"bash",),
    (b"bash", b"-c", b"cat /etc/shadow"),
    (b"-bash", b""),
    (b"", b"x", b""),
    (b"/usr/sbin/sshd", b"-D", b"-o", b"a=b"),
    (b"cat", b"/etc/shadow"),
    (b"x" * 511,),
    (b"x" * 600,),
    (b"cat", b"y" * 200, b"shadow"),
    (b"cat", b"y" * 600),
    (b"bash", b"y" * 249, b"cat"),
    (b"bash", b"-c", b"cat /etc/shadow", b"y" * 600),
    (b"x" * 254, b"cat", b"y" * 300),
    (b"x" * 255, b"cat", b"y" * 300),
    (b"x" * 256, b"cat", b"y" * 300),
    (b"", b"cat /etc/shadow" + b"y" * 240, b"y" * 600),
    (b"h\xc3\xa9", b"\xc3\xa9"),
    (),
)
ENVIRONMENTS = (
    b"HOME=/root\0LD_PRELOAD=/tmp/x.so\0",
    b"LD_PRELOAD= /tmp/x.so \0x\0",
    b"OLD_PRELOAD=/tmp/x.so\0GLIBC_TUNABLES=glibc.x=\xff\0",
    b"A=" + b"b" * 2000 + b"\0\0LD_PRELOAD=/x",
    b"A=" + b"b" * 5000,
    b"A=" + b"b" * 5000 + b"\0LD_PRELOAD=/tmp/x.so\0",
    b"",
)
#: Numbers that no process of this machine has.
_FIRST = 5_000_000
_COUNT = 60
ENVIRONMENT_AT = 22016 - 2 * 4096
ABOUT_AT, _TEXTS_AT = 22016, 22016 + 16 * layout.GENERATIONS
_TEXTS_SIZE = R.EXE_KEPT + 2 * R.ARGS_KEPT + 32


def population(random: Random, table: ProcessTable) -> list[Task]:
    """Put processes into *table*, in lines of up to a dozen generations; return what their headers say."""
    made: list[Process] = []
    for number in range(_COUNT):
        parent = made[-1] if made and random.random() < 0.85 else None
        process = _process(random, _FIRST + number, parent)
        table.processes[process.pid] = process
        made.append(process)
    return [Task(process.pid, process.start, process.ppid, process.comm.encode()) for process in made]


def _process(random: Random, pid: int, parent: Process | None) -> Process:
    args = b"".join(arg + b"\0" for arg in random.choice(ARGUMENTS))
    image = Image(args, random.choice(ENVIRONMENTS), random.choice(EXECUTABLES))
    image.exe_flags = random.getrandbits(4)
    image.caps = random.choice((None, (0, 0), (random.getrandbits(41), 0)))
    image.privileged = random.choice((None, False, True))
    ppid = 0 if parent is None else parent.pid
    process = Process(pid, ppid, pid, pid, random.choice(COMMANDS), 0, image)
    process.parent = parent
    process.session = (1, 1, 1, 1, random.choice((0, 34816)))
    return process


class About:
    """Return what is told of a process and those above it, of so many *generations*: as the probe does, first of one.

    Views in order, numbers, and the bytes behind the record.
    """

    def __init__(self, process: Process, generations: int = layout.GENERATIONS) -> None:
        self.views = [(0, R.VIEW_UNKNOWN)] * layout.PROCESS_VIEWS
        self.pids = [R.UNKNOWN_NUMBER] * layout.GENERATIONS
        self.texts = bytearray(layout.GENERATIONS * (16 + _TEXTS_SIZE))
        self.lineage = R.LINEAGE_WHOLE
        self.tty, self.exe_flags = process.session[4], process.image.exe_flags
        self.exe_flags |= R.UNCONFINED if process.image.privileged else 0
        self.caps = (process.image.caps or (0,))[0]
        environment = process.image.env_raw or b""
        self.environment = environment if len(environment) <= R.VIEW_LONGEST else b""  # more is not kept whole
        above: Process | None = process
        for generation in range(generations):
            self._see(generation, above)
            above = None if above is None else above.parent
        if generations < layout.GENERATIONS:
            self.lineage = 0
        elif above is not None:
            self.lineage = R.LINEAGE_LONGER

    def pack(self) -> bytes:
        """Return views and numbers as bytes."""
        return b"".join(struct.pack("=HH", *view) for view in self.views) + struct.pack("=8I", *self.pids)

    def _see(self, generation: int, process: Process | None) -> None:
        first = layout.GENERATIONS + 4 * generation
        if process is None:
            self.pids[generation] = 0
            self.views[generation] = (0, R.VIEW_ABSENT)
            self.views[first : first + 4] = [(0, R.VIEW_ABSENT)] * 4
            return
        self.pids[generation] = process.pid
        facts, _ = kept(process)
        self._put(generation, ABOUT_AT + 16 * generation, facts.comm)
        self._see_texts(first, _TEXTS_AT + _TEXTS_SIZE * generation, facts)

    def _see_texts(self, first: int, at: int, facts: R.Kept) -> None:
        if facts.exe_len <= R.EXE_KEPT and not facts.exe.endswith(b")"):
            self._put(first, at, facts.exe)
        args_at = at + R.EXE_KEPT + R.ARGS_KEPT + 32
        if facts.arg0_len >= R.ARGS_KEPT - 1:
            return
        if facts.args_len > R.ARGS_KEPT:
            self._see_begin(first, at, args_at, facts)
            return
        zeroth, zero, others = facts.args.removesuffix(b"\0").partition(b"\0")
        line = others.replace(b"\0", b" ")
        self._put(first + 1, at + R.EXE_KEPT, zeroth)
        self._put(first + 2, args_at, line)
        self._put(first + 3, args_at - 1 - facts.comm_len, facts.comm + (b" " + line if zero else b""))

    def _see_begin(self, first: int, at: int, args_at: int, facts: R.Kept) -> None:
        """See the zeroth argument, and how the others begin."""
        zeroth, _, others = facts.args.partition(b"\0")
        begin = others[: R.BEGIN_TOLD].replace(b"\0", b" ")
        self._put(first + 1, at + R.EXE_KEPT, zeroth)
        if len(zeroth) < R.ARGS_KEPT - R.BEGIN_TOLD:
            self._put(first + 2, args_at, begin)
            self._put(first + 3, args_at - 1 - facts.comm_len, facts.comm + b" " + begin)
            for view in (first + 2, first + 3):
                self.views[view] = (self.views[view][0], R.VIEW_BEGIN)

    def _put(self, view: int, at: int, text: bytes) -> None:
        self.views[view] = (at, len(text))
        self.texts[at - ABOUT_AT : at - ABOUT_AT + len(text)] = text
