"""Decompresses gzip: by ISA-L where the package ``isal`` is installed, in two fifths of the time of zlib, else by zlib.

Half of what a record from a gzip'd log costs that no rule wants is its decompression by zlib (decision 0197). ISA-L has
a form for what is there as a whole, which allocates the content once instead of enlarging it (decision 0233).
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol


class WholeDecompressor(Protocol):
    """A decompressor of one member of gzip that is there as a whole."""

    @property
    def eof(self) -> bool:
        """Return whether the member has ended."""

    @property
    def unused_data(self) -> bytes:
        """Return what follows the member."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most *max_length* bytes of what *data* holds."""


class Decompressor(WholeDecompressor, Protocol):
    """A decompressor of one member of gzip, as :func:`zlib.decompressobj` returns it."""

    @property
    def unconsumed_tail(self) -> bytes:
        """Return what is left to be decompressed of the last data."""


#: With the header and the trailer of gzip.
_GZIP: Final = 31


def by_zlib() -> Decompressor:
    """Return a decompressor of Python's own."""
    return zlib.decompressobj(wbits=_GZIP)


try:
    _isal: Any = importlib.import_module("isal.isal_zlib")
    _igzip: Any = importlib.import_module("isal.igzip_lib")
except ImportError:
    decompressor = by_zlib
    whole_decompressor: Callable[[], WholeDecompressor] = by_zlib
    #: What a decompressor raises if the data is no gzip, or damaged.
    DAMAGED: tuple[type[Exception], ...] = (zlib.error,)
else:

    def decompressor() -> Decompressor:
        """Return the fastest decompressor that there is."""
        fast: Decompressor = _isal.decompressobj(wbits=_GZIP)
        return fast

    def whole_decompressor() -> WholeDecompressor:
        """Return the fastest decompressor that there is of one call, whose limit is close to what comes of it."""
        fast: WholeDecompressor = _igzip.IgzipDecompressor(_igzip.DECOMP_GZIP)
        return fast

    DAMAGED = (zlib.error, _isal.IsalError, _igzip.IsalError)
