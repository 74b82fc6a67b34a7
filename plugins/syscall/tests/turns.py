"""Kernel tests in several workers: a file that floods the kernel has it to itself."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent

#: Files whose events may cost those of agents and probes beside them.
FLOODS = {"test_budgets.py", "test_flood.py"}


class Turns:
    """A lock that files of tests share, or have alone; who waits for it alone is the next who gets it.

    It lies on files that all workers of a checkout have, and whose end ends it.
    """

    def __init__(self) -> None:
        self._held: Path | None = None
        self._gate = _opened("turns.py")
        self._lock = _opened("conftest.py")

    def begin(self, file: Path) -> None:
        """Wait until the tests of *file* may run."""
        if file == self._held:
            return
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        fcntl.flock(self._lock, fcntl.LOCK_EX if file.name in FLOODS else fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        self._held = file

    def end(self) -> None:
        """Give up the lock."""
        self._held = None
        fcntl.flock(self._lock, fcntl.LOCK_UN)


def _opened(name: str) -> IO[bytes]:
    return (HERE / name).open("rb")
