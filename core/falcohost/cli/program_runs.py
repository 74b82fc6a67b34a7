"""Measures how often the agent's BPF programs run, and for how long, with the kernel's own statistics.

The kernel counts runs only while somebody wants it to (bpf(2), ``BPF_ENABLE_STATS``), and that takes CAP_SYS_ADMIN. No
process of the agent has that, so the command asks for it, for as long as it measures. Which programs are the agent's is
in ``/proc``: its processes hold them, or what attaches them. A program that another one calls last (``bpf_tail_call``)
has no runs of its own: they count as part of the one that the kernel has called.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from falcohost.clock import SYSTEM, Clock
from falcohost.counters import plus, since
from falcohost.host.numbers import ProgramNumbers
from falcohost.host.snapshot import ProgramSnapshot, ProgramState
from falcohost.libc import LIBC

# The number of bpf(2), and linux/bpf.h.
_CALL: Final = {"x86_64": 321, "aarch64": 280}
_GET_BY_ID, _GET_INFO, _ENABLE_STATS = 13, 15, 32
_RUN_TIME: Final = 0


class _Asked(ctypes.Structure):
    """``union bpf_attr`` as ``BPF_OBJ_GET_INFO_BY_FD`` has it; others begin with a number, too."""

    _fields_ = (("number", ctypes.c_uint32), ("size", ctypes.c_uint32), ("info", ctypes.c_uint64))


class _Info(ctypes.Structure):
    """``struct bpf_prog_info`` up to the number of runs; what is not used here has no name."""

    _fields_ = (("_head", ctypes.c_char * 64), ("name", ctypes.c_char * 16), ("_more", ctypes.c_char * 112),
                ("run_time_ns", ctypes.c_uint64), ("run_cnt", ctypes.c_uint64))  # fmt: skip


class ProgramRuns:
    """The runs of the programs that some processes hold, from one reading to the next.

    :ivar problem: why runs are not counted; empty: they are, or there are no programs.
    """

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self.problem = ""
        self._clock = clock
        self._at = clock.monotonic()
        self._before: Mapping[int, ProgramSnapshot] = {}

    @contextmanager
    def counting(self, pids: Iterable[int]) -> Iterator[None]:
        """Have the kernel count runs meanwhile, if the processes *pids* hold programs."""
        if not held(pids):
            yield
            return
        try:
            descriptor = _bpf(_ENABLE_STATS, _Asked(_RUN_TIME))
        except OSError as error:
            self.problem = str(error.strerror)
            yield
            return
        try:
            yield
        finally:
            os.close(descriptor)

    def since_before(self, pids: Iterable[int]) -> list[ProgramSnapshot]:
        """Return the runs since the last call, the dearest first; programs of one name and place are one."""
        if self.problem:
            return []
        now = {number: runs for number, at in held(pids).items() if (runs := _runs(number, at)) is not None}
        before, self._before = self._before, now
        seconds, self._at = (at := self._clock.monotonic()) - self._at, at
        found: dict[ProgramState, ProgramNumbers] = {}
        for number, runs in now.items():
            was = before[number].numbers if number in before else ProgramNumbers()
            known = found.get(runs.state, ProgramNumbers())
            found[runs.state] = replace(plus(known, since(was, runs.numbers)), seconds=seconds)
        rows = [ProgramSnapshot(state, numbers) for state, numbers in found.items() if numbers.runs]
        return sorted(rows, key=lambda one: (-one.numbers.ns, one.state.name, one.state.at))


def held(pids: Iterable[int]) -> dict[int, str]:
    """Return the programs that the processes *pids* hold (proc(5), ``fdinfo``), by id, with the tracepoint of each.

    Processes that may not be asked have none.
    """
    found: dict[int, str] = {}
    for pid in pids:
        for file in _files(pid):
            lines: dict[str, str] = {}
            with suppress(OSError):  # it was closed meanwhile
                lines = dict(line.split(":\t", 1) for line in file.read_text().splitlines() if ":\t" in line)
            if (number := lines.get("prog_id", "")).isdigit():
                found[int(number)] = lines.get("tp_name") or found.get(int(number), "")
    return found


def _files(pid: int) -> list[Path]:
    with suppress(OSError):
        return [*Path(f"/proc/{pid}/fdinfo").iterdir()]
    return []


def _runs(program: int, at: str) -> ProgramSnapshot | None:
    """Return how often the program with this id has run since it was loaded; None: it is gone."""
    info = _Info()
    try:
        descriptor = _bpf(_GET_BY_ID, _Asked(program))
    except OSError:
        return None
    try:
        _bpf(_GET_INFO, _Asked(descriptor, ctypes.sizeof(info), ctypes.addressof(info)))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    name = info.name.decode("ascii", "replace")
    return ProgramSnapshot(ProgramState(name, at), ProgramNumbers(info.run_cnt, info.run_time_ns))


def _bpf(command: int, asked: _Asked) -> int:
    """Call bpf(2).

    :raises OSError: it failed, or its number is not known on this machine (ENOSYS).
    """
    number = _CALL.get(os.uname().machine, -1)
    found = LIBC.syscall(ctypes.c_long(number), ctypes.c_int(command), ctypes.byref(asked), ctypes.c_uint(_SIZE))
    if found < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(found)


_SIZE: Final = ctypes.sizeof(_Asked)
