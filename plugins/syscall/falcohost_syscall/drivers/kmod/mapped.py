"""Maps what a device shares, for reading only, without a descriptor that stays.

:mod:`mmap` keeps a copy of the descriptor, with which the memory could be mapped again for writing.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_FAILED: Final = ctypes.c_void_p(-1).value


class ReadOnly:
    """The first *size* bytes of a device, for reading.

    :ivar view: what is in them.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        """Map them.

        :raises OSError: the kernel refuses it.
        """
        self._size = size
        self._address = _LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
        if self._address in (None, _FAILED):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self.view = memoryview((ctypes.c_char * size).from_address(self._address)).cast("B")

    def close(self) -> None:
        """Unmap them."""
        self.view.release()
        _LIBC.munmap(self._address, self._size)
