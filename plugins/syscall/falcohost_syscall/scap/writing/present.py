"""Finds the threads and descriptors of this machine with which a capture begins."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from falcohost_syscall.events.event import Context
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.table import Process
from falcohost_syscall.records.record import EXE_FROM_MEMFD, EXE_LOWER_LAYER, EXE_UPPER_LAYER, EXE_WRITABLE
from falcohost_syscall.scap.lists import ListedThread, descriptors, threads
from falcohost_syscall.scap.reader import TooShortError
from falcohost_syscall.scap.tables import Tables
from falcohost_syscall.scap.writing.values import texts

#: The versions of the lists that are made of ``/proc``.
_THREADS, _DESCRIPTORS = 9, 2


def list_all(tables: Tables, context: Context, within: float | None = None) -> None:
    """Add this machine's threads and their descriptors to *tables*; *context* knows more of some processes.

    :param within: seconds after which no more are added.
    """
    read, until = procfs.READING.reader, math.inf if within is None else time.monotonic() + within
    for pid in sorted(read.pids() or ()) if within != 0 else ():
        if time.monotonic() > until:
            break
        found = read.listed(pid)
        if found is None or found[0] is None:
            continue
        for thread in _whole(found[0]):
            _complete(thread, context.table.processes.get(thread.pid), context)
            tables.list_thread(thread)
        try:
            tables.list_descriptors(*descriptors(found[1] or b"", _DESCRIPTORS))
        except TooShortError:  # there are none
            continue
    tables.link()


def _whole(entries: bytes) -> Iterator[ListedThread]:
    try:
        yield from threads(entries, _THREADS)
    except TooShortError:  # it was cut off
        return


def _complete(thread: ListedThread, known: Process | None, context: Context) -> None:
    """Add what the kernel knows of a process and ``/proc`` does not tell."""
    if known is None:
        return
    image, more = known.image, list(thread.more)
    bits = image.exe_flags
    more[0] = image.pidns_start
    more[3], more[7] = bool(bits & EXE_WRITABLE), bool(bits & EXE_UPPER_LAYER)
    more[11], more[12] = bool(bits & EXE_FROM_MEMFD), bool(bits & EXE_LOWER_LAYER)
    if image.ino:
        more[8:11] = image.ino, image.ctime, image.mtime
    thread.more = tuple(more)
    if cgroups := context.containers.cgroups(known.cgroup):
        thread.cgroups = texts("\0".join(cgroups).encode())
