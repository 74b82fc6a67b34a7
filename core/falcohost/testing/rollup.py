"""How much memory a process has, and how much of what it shares a fork copies.

Imports nothing of falcohost, so that a script which another Python runs can load this file by its path.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def kib(name: str, pid: int | str = "self") -> int:
    """Return a sum of a process's memory in KiB, such as ``Pss_Anon`` or ``Private_Dirty`` (proc_pid_smaps(5)).

    :raises OSError: there is no such process.
    """
    with Path(f"/proc/{pid}/smaps_rollup").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def copied(use: Callable[[], object]) -> int:
    """Return how many KiB a fork of this process copies or allocates while it does *use*, whose result it keeps."""
    reads, writes = os.pipe()
    if os.fork() == 0:
        before = kib("Private_Dirty")
        result = use()
        found = kib("Private_Dirty") - before
        del result
        os.write(writes, str(found).encode())
        os._exit(0)
    os.wait()
    os.close(writes)
    with os.fdopen(reads) as answer:
        return int(answer.read())
