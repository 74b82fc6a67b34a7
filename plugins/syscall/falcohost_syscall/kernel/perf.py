"""Runs programs at tracepoints by way of perf_event_open(2).

The numbers of tracepoints are in tracefs; where nobody has mounted it, it is mounted for nobody else to see.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import struct
from ctypes import c_char_p, c_int, c_long, c_void_p
from typing import Final

from falcohost import SourceError

_FOLDERS: Final = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
#: Numbers of perf_event_open(2) on each machine, and those of fsopen(2), fsconfig(2) and fsmount(2) on all.
_PERF_EVENT_OPEN: Final = {"x86_64": 298, "aarch64": 241}
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSCONFIG_CMD_CREATE: Final = 6
_CLOEXEC: Final = 1
#: The begin of ``struct perf_event_attr``, of its first size: type (PERF_TYPE_TRACEPOINT), size, config, sample_period.
_ATTRIBUTES: Final = struct.Struct("=IIQQ40x")
_TRACEPOINT: Final = 2
_SET_BPF, _ENABLE = 0x40042408, 0x2400
_PERF_FLAG_FD_CLOEXEC: Final = 8
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def opened_folder(name: str) -> int:
    """Return a descriptor of the folder *name* in that of tracepoints, such as ``syscalls``.

    :raises OSError: there is none.
    """
    for path in _FOLDERS:
        with contextlib.suppress(OSError):
            return os.open(f"{path}/events/{name}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    context = _call(_FSOPEN, c_char_p(b"tracefs"), _CLOEXEC)
    try:
        _call(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, c_void_p(None), c_void_p(None), 0)
        mount = _call(_FSMOUNT, context, _CLOEXEC, 0)
    finally:
        os.close(context)
    try:
        return os.open(f"events/{name}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mount)
    finally:
        os.close(mount)


def number_of(tracepoint: str, folder: int) -> int:
    """Return the number of a *tracepoint* in its *folder*.

    :raises FileNotFoundError: the kernel does not have it.
    """
    fd = os.open(f"{tracepoint}/id", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return int(os.read(fd, 32))
    finally:
        os.close(fd)


def opened_event(number: int, pid: int = -1) -> int:
    """Return the descriptor of an event at the tracepoint with this *number*, for :func:`run_at`.

    :param pid: perf counts only the events of this thread, on any processor; else all on the first.

    :raises OSError: the kernel does not allow it.
    """
    attributes = _ATTRIBUTES.pack(_TRACEPOINT, _ATTRIBUTES.size, number, 1)
    perf_event_open = _PERF_EVENT_OPEN.get(os.uname().machine)
    if perf_event_open is None:
        raise SourceError(f"The number of perf_event_open is not known on {os.uname().machine}.")
    where = (c_int(pid), c_int(-1 if pid > 0 else 0), c_int(-1))
    return _call(perf_event_open, c_char_p(attributes), *where, _PERF_FLAG_FD_CLOEXEC)


def run_at(event: int, program: int) -> None:
    """Have a *program* of type ``tracepoint`` run at an *event*, whoever passes there, until that is closed.

    Perf need not count the event for that.

    :raises OSError: the kernel refused it.
    """
    fcntl.ioctl(event, _SET_BPF, program)


def count(event: int) -> None:
    """Have perf count an *event*.

    :raises OSError: the kernel refused it.
    """
    fcntl.ioctl(event, _ENABLE, 0)


def _call(number: int, *arguments: object) -> int:
    found = int(_LIBC.syscall(c_long(number), *arguments))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found
