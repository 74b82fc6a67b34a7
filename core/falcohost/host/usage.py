"""How much processor time and memory a process of the agent takes, as /proc says (proc(5))."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from falcohost.host.numbers import ProcessNumbers

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PSS: Final = re.compile(rb"^Pss: +(\d+) kB$", re.MULTILINE)

# Fields of /proc/PID/stat behind the name: utime, stime, vsize, rss.
_USER, _SYSTEM, _SIZE, _RESIDENT = 11, 12, 20, 21


def usage(pid: int, restarts: int = 0) -> ProcessNumbers:
    """Return the numbers of process *pid*, which was started again so often; zeros if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return ProcessNumbers(restarts)
    cpu = (int(stat[_USER]) + int(stat[_SYSTEM])) / _TICKS
    return ProcessNumbers(restarts, cpu, int(stat[_RESIDENT]) * _PAGE, _proportional(pid), int(stat[_SIZE]))


def _proportional(pid: int) -> int:
    """Return the proportional set size in bytes; 0 if this process may not know it."""
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found is not None else 0
