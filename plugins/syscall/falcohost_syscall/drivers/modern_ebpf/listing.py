"""Lists the running processes: by the kernel's iterator, or one by one with the probe's form for older kernels.

A kernel without BTF has no iterators. There a program is run for each process that /proc names, with a descriptor of it
(pidfd_open(2)), by which it finds the process; it writes the same record into a map. Meanwhile nothing else of the
probe runs on that processor.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from falcohost import SourceError
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.maps import Maps
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records.record import RECORD_SIZE

#: The program, and the map into which it writes where there is no iterator.
TASKS: Final = "dump_task"
LISTED: Final = "listed"
_U32: Final = struct.Struct("=I")
_U64: Final = struct.Struct("=Q")
_FIRST: Final = bytes(4)
#: A process has ended, or its number is that of a thread by now.
_ENDED: Final = frozenset({errno.ESRCH, errno.EINVAL, errno.ENOENT})


class Listing:
    """Lists them.

    :param descriptors: that of the iterator's link; or those of the program and of the map.
    """

    def __init__(self, library: Library, descriptors: Sequence[int]) -> None:
        self._access = Maps(library)
        self._library = library
        self._descriptors = descriptors

    def __iter__(self) -> Iterator[bytes]:
        """Yield a KIND_TASK record for each running process."""
        return self._iterated() if len(self._descriptors) == 1 else self._one_by_one()

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in self._descriptors:
            os.close(descriptor)

    def _iterated(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._access.iterate(self._descriptors[0]):
            rest += chunk
            position = 0
            while position + 4 <= len(rest):
                end = position + 4 + _U32.unpack_from(rest, position)[0]
                if end > len(rest):
                    break
                yield rest[position + 4 : end]
                position = end
            rest = rest[position:]

    def _one_by_one(self) -> Iterator[bytes]:
        program, written = self._descriptors
        kernel = Kernel(self._library)
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208 (there may be very many)
            record = told_of(kernel, self._access, program, written, pid)
            if record:
                yield record


def told_of(kernel: Kernel, access: Maps, program: int, written: int, pid: int) -> bytes:
    """Return the record of one process; empty if it has ended.

    :raises SourceError: processes may not be opened here.
    """
    try:
        process = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in _ENDED:
            return b""
        raise SourceError(
            f"The running processes cannot be listed: pidfd_open(2) fails ({error.strerror}); "
            "where the seccomp profile of a container forbids it, allow it there."
        ) from error
    try:
        kernel.run(program, _U64.pack(process))
    finally:
        os.close(process)
    found = access.lookup(written, _FIRST, RECORD_SIZE + _U32.size)
    return found[: _U32.unpack_from(found, RECORD_SIZE)[0]]
