"""Attaches a program to the tracepoints at which single calls begin (``syscalls:sys_enter_NAME``, perf_event_open(2)).

The kernel compares the number of the call itself, so other calls do not run the program. 32-bit calls do not pass these
tracepoints. Their numbers are in tracefs; where nobody has mounted it, it is mounted for nobody else to see.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from ctypes import c_char_p, c_int, c_long, c_void_p
from typing import Final

from falcohost import SourceError

_FOLDERS: Final = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
_CALLS: Final = "events/syscalls"
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


class CallTracepoints:
    """Where one program is attached: at the begin of which calls.

    :ivar problem: why it could not be attached, or None.
    """

    def __init__(self, program: int) -> None:
        """Attach the loaded *program* (of type ``tracepoint``) by and by, see :meth:`set`.

        The folder is opened now, since mounting takes rights that the process gives up once the probe is loaded.
        """
        self.problem: str | None = None
        self._folder = -1
        self._program = program
        self._events: dict[str, int] = {}
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = c_long
        try:
            self._folder = self._opened()
        except OSError as error:
            self.problem = os.strerror(error.errno or 0)

    @property
    def held(self) -> Sequence[int]:
        """The descriptors as long as which the program runs."""
        return [*self._events.values()]

    def set(self, calls: frozenset[str]) -> None:
        """Have the program run when one of these *calls* begins, and no other; what the kernel lacks is left out."""
        for name in self._events.keys() - calls:
            os.close(self._events.pop(name))
        missing = calls - self._events.keys()
        if not missing or self._folder < 0:
            return
        try:
            for name, number in _numbers(self._folder, missing):
                self._events[name] = self._attach(number)
            self.problem = None
        except OSError as error:
            self.problem = os.strerror(error.errno or 0)

    def close(self) -> None:
        """Detach the program."""
        for fd in self._events.values():
            os.close(fd)
        self._events.clear()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _attach(self, number: int) -> int:
        attributes = _ATTRIBUTES.pack(_TRACEPOINT, _ATTRIBUTES.size, number, 1)
        perf_event_open = _PERF_EVENT_OPEN.get(os.uname().machine)
        if perf_event_open is None:
            raise SourceError(f"The number of perf_event_open is not known on {os.uname().machine}.")
        fd = self._call(perf_event_open, c_char_p(attributes), c_int(-1), c_int(0), c_int(-1), _PERF_FLAG_FD_CLOEXEC)
        try:
            fcntl.ioctl(fd, _SET_BPF, self._program)
            fcntl.ioctl(fd, _ENABLE, 0)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _opened(self) -> int:
        """Return a descriptor of the folder with the calls' tracepoints.

        :raises OSError: there is none.
        """
        for path in _FOLDERS:
            with contextlib.suppress(OSError):
                return os.open(f"{path}/{_CALLS}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._mounted()

    def _mounted(self) -> int:
        context = self._call(_FSOPEN, c_char_p(b"tracefs"), _CLOEXEC)
        try:
            self._call(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, c_void_p(None), c_void_p(None), 0)
            mount = self._call(_FSMOUNT, context, _CLOEXEC, 0)
        finally:
            os.close(context)
        try:
            return os.open(_CALLS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mount)
        finally:
            os.close(mount)

    def _call(self, number: int, *arguments: object) -> int:
        found = int(self._syscall(c_long(number), *arguments))
        if found < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return found


def _numbers(folder: int, calls: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Yield the calls that have a tracepoint, and its number."""
    for name in sorted(calls):
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(f"sys_enter_{name}/id", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
            try:
                yield name, int(os.read(fd, 32))
            finally:
                os.close(fd)
