"""Passes plain data from one process of the agent to another in a sealed memfd (memfd_create(2), fcntl(2)).

A process that only passes the descriptor on never has the content in its memory. Once sealed, nobody can change it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Final

from falcohost.errors import StateError

#: The most bytes that are read; rules of one source are far below that.
LARGEST: Final = 256 << 20

#: Nobody can execute it (linux/memfd.h).
_MFD_NOEXEC_SEAL: Final = 0x8

_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sealed(name: str, data: bytes) -> int:
    """Return the descriptor of a new memfd with *data*; *name* shows in ``/proc``.

    :raises StateError: there can be none.
    """
    try:
        return _sealed(name, data)
    except OSError as error:
        raise StateError(f"a memfd cannot be made (memfd_create(2)): {error.strerror}") from error


def _sealed(name: str, data: bytes) -> int:
    descriptor = unsealed(name)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def unsealed(name: str) -> int:
    """Return the descriptor of a new, empty memfd that can be written.

    :raises OSError: there can be none.
    """
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_NOEXEC_SEAL)  # which vm.memfd_noexec=2 demands
    except OSError as error:
        if error.errno != errno.EINVAL:  # before Linux 6.3
            raise
        return os.memfd_create(name, flags)


def check_sealed(descriptor: int) -> None:
    """Check that *descriptor* is that of a memfd which nobody can change.

    :raises ValueError: it is not.
    """
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:
        raise ValueError("it is no memfd") from error
    if seals & _SEALS != _SEALS:
        raise ValueError("it can still be changed")


def read_sealed(descriptor: int, largest: int = LARGEST) -> bytes:
    """Return the content of a memfd; its position stays.

    :raises ValueError: it is not sealed, or larger than *largest* bytes.
    """
    check_sealed(descriptor)
    size = os.fstat(descriptor).st_size
    if size > largest:
        raise ValueError(f"it has {size} bytes, more than {largest}")
    data = os.pread(descriptor, size, 0)
    while len(data) < size and (block := os.pread(descriptor, size - len(data), len(data))):
        data += block
    return data
