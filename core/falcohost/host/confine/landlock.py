"""Restricts which files a process may open, with Landlock (landlock(7)): rights that it gives up for good.

Paths are followed once, when the rules are made, so that a folder stands for whatever it holds then and later. What is
not opened is not restricted: stat(2) and readlink(2) go on to work.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from falcohost.libc import LIBC

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH, _NET_PORT = 1, 1, 2
# Restricts all threads, from version 8 on.
_TSYNC: Final = 1 << 3

# linux/landlock.h, rights on files
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REMOVE_AND_MAKE: Final = 0x1FF0
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# Rights by the version that brought them.
_SINCE: Final = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2
_CONNECT_TCP: Final = 2

_READING: Final = _READ_FILE | _READ_DIR
_WRITING: Final = _WRITE_FILE | _REMOVE_AND_MAKE | _REFER | _TRUNCATE


def version() -> int:
    """Return the version of Landlock that the kernel has; 0: none."""
    return max(0, _call(_CREATE_RULESET, None, 0, _VERSION))


def restrict(
    reading: Iterable[Path] | None,
    writing: Iterable[Path] | None,
    *,
    alone: bool,
    ports: Iterable[int] | None = None,
) -> int:
    """Allow this process to read only below *reading*, and to change only what is below *writing* (None: anything).

    Paths that do not exist are left out. Nothing can be executed where reading is restricted.

    :param alone: it may signal only what it starts, and use no abstract sockets of others.
    :param ports: it may connect to these TCP ports only; None: to any.
    :returns: the version of Landlock; 0 if there is none, so that nothing is restricted. Threads that run already are
        restricted from version 8 on, signals from version 6, ports from version 4.
    :raises OSError: the kernel refuses.
    """
    found = version()
    known = sum(right for since, right in _SINCE.items() if found >= since)
    known |= 0x1FFF
    handled = (0 if reading is None else _READING | _EXECUTE) | (0 if writing is None else _WRITING | _IOCTL_DEV)
    handled &= known
    scoped = _ABSTRACT_SOCKETS | _SIGNALS if alone and found >= 6 else 0
    network = _CONNECT_TCP if ports is not None and found >= 4 else 0
    if not found or not (handled or network or scoped):
        return found
    attributes = struct.pack("=QQQ", handled, network, scoped)[: 8 if found < 4 else 16 if found < 6 else 24]
    ruleset = _checked(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in reading or ():
            _allow(ruleset, path, handled & _READING)
        for path in writing or ():
            _allow(ruleset, path, handled & _WRITING)
        for port in ports if ports is not None and network else ():
            _checked(_ADD_RULE, ruleset, _NET_PORT, struct.pack("=QQ", network, port), 0)
        _checked(_RESTRICT_SELF, ruleset, _TSYNC if found >= 8 else 0)
    finally:
        os.close(ruleset)
    return found


def _allow(ruleset: int, path: Path, rights: int) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                rights &= _OF_FILES
            if rights:
                _checked(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
        finally:
            os.close(descriptor)


def _checked(number: int, *arguments: int | bytes | None) -> int:
    result = _call(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _call(number: int, *arguments: int | bytes | None) -> int:
    # Variadic: integers are passed as longs, so that no half of a register is left over.
    given = (ctypes.c_long(one) if isinstance(one, int) else one for one in arguments)
    return int(LIBC.syscall(ctypes.c_long(number), *given))
