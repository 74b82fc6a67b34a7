"""The last names that rules ask for, as a sieve: bits of which the probe tests a few for each name (bpf/folders.bpf.h).

What falls through is no name that a rule asks for. Whole names have a bit by their first bytes and length, beginnings
and ends one by as many of their bytes as are tested; several may share a bit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final, TypeAlias

from falcohost_syscall.records.record import SIEVE_BITS, SIEVE_SIZES

#: How a name is tested (``=``, ``startswith`` or ``endswith``), and for what.
LastName: TypeAlias = tuple[str, bytes]
#: The tests that there are.
OPS: Final = ("=", "startswith", "endswith")
_KINDS: Final = struct.Struct("=Q")
_WORD: Final = (1 << 64) - 1


def sieve(names: Iterable[LastName]) -> bytes:
    """Return the sieve that holds *names*, none of which is empty."""
    bits = bytearray(SIEVE_BITS // 8)
    kinds = 0
    for op, name in names:
        kind, place = _place(op, name)
        kinds |= 1 << kind
        bits[place >> 3] |= 1 << (place & 7)
    return _KINDS.pack(kinds) + bytes(bits)


def joined(sieves: Iterable[bytes]) -> bytes:
    """Return the sieve that holds what any of *sieves* holds."""
    found = [int.from_bytes(one, "little") for one in (sieve(()), *sieves)]
    return reduce(or_, found).to_bytes(_KINDS.size + SIEVE_BITS // 8, "little")


def holds(kept: bytes, name: bytes) -> bool:
    """Return whether a sieve holds a name, or seems to; the probe does the same."""
    (kinds,) = _KINDS.unpack_from(kept)
    tests = [("=", name)]
    tests += [("startswith", name[: 1 << size]) for size in range(SIEVE_SIZES) if len(name) >= 1 << size]
    tests += [("endswith", name[-(1 << size) :]) for size in range(SIEVE_SIZES) if len(name) >= 1 << size]
    places = [_place(op, part) for op, part in tests]
    return any(kinds >> kind & 1 and kept[_KINDS.size + (place >> 3)] >> (place & 7) & 1 for kind, place in places)


def _place(op: str, name: bytes) -> tuple[int, int]:
    """Return the kind of a test, and its bit."""
    if op == "=":
        return 0, _bit(int.from_bytes(name[:8], "little") ^ len(name) << 56 & _WORD, 0)
    size = min(SIEVE_SIZES, len(name).bit_length()) - 1  # of the tested bytes, as a power of two
    kind = 1 + size + (SIEVE_SIZES if op == "endswith" else 0)
    part = name[-(1 << size) :] if op == "endswith" else name[: 1 << size]
    return kind, _bit(int.from_bytes(part, "little"), kind)


def _bit(number: int, kind: int) -> int:
    return ((number + kind) * 0x9E3779B97F4A7C15 & _WORD) >> 48
