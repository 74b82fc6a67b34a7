"""Has the kernel kill this process unless it says in time that it lives, also if it was stopped (timer_create(2))."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import Final

_SIGEV_SIGNAL: Final = 0


class _Event(ctypes.Structure):
    """struct sigevent."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_long * 6),
    )


class _Times(ctypes.Structure):
    """struct itimerspec: the interval, and the first time."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("interval", "interval_ns", "seconds", "nanoseconds"))


class Death:
    """A timer that kills this process. It is off until :meth:`after` sets it.

    :raises OSError: the kernel has none.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "timer_create"):
            libc = ctypes.CDLL("librt.so.1", use_errno=True)  # before glibc 2.34
        self._set = libc.timer_settime
        self._set.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p
        self._timer = ctypes.c_void_p()
        event = _Event(None, signal.SIGKILL, _SIGEV_SIGNAL)
        if libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def after(self, seconds: float) -> None:
        """Kill this process in so many *seconds*, unless this is called again before."""
        times = _Times(0, 0, int(seconds), int(seconds % 1 * 1e9))
        self._set(self._timer, 0, ctypes.byref(times), None)
