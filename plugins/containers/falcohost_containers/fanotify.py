"""Has the kernel tell before a file is executed, and wait until that is allowed (fanotify(7), FAN_OPEN_EXEC_PERM).

Once the only descriptor of the queue is closed, all that waits is allowed: that is how the death of its process ends
every pause. So it is never duplicated.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# linux/fanotify.h
_CLOEXEC, _NONBLOCK, _CLASS_CONTENT = 0x1, 0x2, 0x4
_MARK_ADD, _OPEN_EXEC_PERM = 0x1, 0x40000
_ALLOW, _NO_FILE = 0x1, -1
_AT_FDCWD: Final = -100
_EVENT: Final = struct.Struct("=IBBHQii")
_ANSWER: Final = struct.Struct("=iI")

#: Most executions that are told at once: each takes a descriptor, without which the kernel would refuse it.
_MOST: Final = 64


class Queue:
    """The queue. Making it takes CAP_SYS_ADMIN; using it does not.

    :raises OSError: the kernel refuses.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        number = self._libc.fanotify_init(_CLOEXEC | _NONBLOCK | _CLASS_CONTENT, os.O_RDONLY | os.O_CLOEXEC)
        if number < 0:
            raise _error()
        self._number: int = number
        mark = self._libc.fanotify_mark
        mark.argtypes = ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p

    def fileno(self) -> int:
        """Return the descriptor, which can be read when an execution waits."""
        return self._number

    def mark(self, path: Path) -> None:
        """Have executions of the file at *path* wait, by whatever name and in whatever mount namespace.

        :raises OSError: the kernel refuses.
        """
        if self._libc.fanotify_mark(self._number, _MARK_ADD, _OPEN_EXEC_PERM, _AT_FDCWD, os.fsencode(path)) < 0:
            raise _error()

    def waiting(self) -> list[int]:
        """Return a descriptor for each execution that waits and was not told yet; :meth:`allow` closes it."""
        try:
            data = os.read(self._number, _MOST * _EVENT.size)
        except BlockingIOError:
            return []
        found: Iterator[int] = (_EVENT.unpack_from(data, at)[5] for at in range(0, len(data), _EVENT.size))
        return [number for number in found if number != _NO_FILE]

    def allow(self, number: int) -> None:
        """Allow an execution."""
        with contextlib.suppress(FileNotFoundError):  # its process was killed meanwhile
            os.write(self._number, _ANSWER.pack(number, _ALLOW))
        os.close(number)

    def close(self) -> None:
        """Allow all that waits, and whatever comes."""
        os.close(self._number)


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
