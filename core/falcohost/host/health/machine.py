"""What the kernel says of the whole machine, from files of /proc that are opened before the process is confined."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from msgspec import Struct

_STAT: Final = "/proc/stat"
_MEMORY: Final = "/proc/meminfo"
_FILES: Final = "/proc/sys/fs/file-nr"


class MachineNumbers(Struct, frozen=True):
    """The numbers of the machine; 0 where they are not known.

    :ivar booted: when it was started, in nanoseconds since 1970.
    :ivar cpu: share of its processors' time since then that was used, from 0 to 1.
    :ivar running: processes that run or wait for a processor.
    :ivar files: open files.
    :ivar memory: used bytes.
    """

    booted: int
    cpu: float
    running: int
    files: int
    memory: int


class Machine:
    """Reads the numbers of the machine."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        for path in (_STAT, _MEMORY, _FILES):
            with contextlib.suppress(OSError):
                self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def numbers(self) -> MachineNumbers:
        """Return the present numbers."""
        stat, memory = self._words(_STAT), self._words(_MEMORY)
        times = [int(word) for word in stat.get("cpu", [])[:8]]
        idle = sum(times[3:5])
        files = next(iter(self._words(_FILES)), "0")
        return MachineNumbers(
            booted=_first(stat, "btime") * 1_000_000_000,
            cpu=1 - idle / sum(times) if sum(times) else 0.0,
            running=_first(stat, "procs_running"),
            files=int(files),
            memory=1024 * max(_first(memory, "MemTotal:") - _first(memory, "MemAvailable:"), 0),
        )

    def _words(self, path: str) -> dict[str, list[str]]:
        """Return the words of each line behind the first, by the first."""
        if path not in self._open:
            return {}
        lines = os.pread(self._open[path], 1 << 20, 0).decode().splitlines()
        return {words[0]: words[1:] for line in lines if (words := line.split())}


def _first(lines: dict[str, list[str]], name: str) -> int:
    return int(lines.get(name, ["0"])[0])
