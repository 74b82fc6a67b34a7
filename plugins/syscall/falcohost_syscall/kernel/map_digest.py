"""Says with one call whether arrays have the values, and arrays of programs the programs, that they are to have.

bpf(2) reads one entry of a program array in each call, and of other arrays a few. A program of ours reads all of them:
it gets at the arrays by way of the descriptors that this process has, and returns a digest of what is there. The digest
has a key that only this process knows, so that nobody can look for something else that has the same one. It does not
say what has changed: then entries are compared one by one, as they are where the kernel does not take the program.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from sys import byteorder
from typing import Final, NamedTuple

from falcohost_syscall.kernel.assembler import (
    FP,
    GET_CURRENT_TASK,
    PROBE_READ_KERNEL,
    R0,
    R1,
    R2,
    R3,
    R6,
    R7,
    R8,
    R9,
    Assembler,
)
from falcohost_syscall.kernel.kernel_types import KernelTypes
from falcohost_syscall.kernel.ledger import Array
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, Kernel

#: From a task to what is in an array that it has a descriptor of, and from a program there to its number.
_MEMBERS: Final = (
    ("task_struct", "files"),
    ("files_struct", "fdt"),
    ("fdtable", "fd"),
    ("file", "private_data"),
    ("bpf_array", "value"),
    ("bpf_prog", "aux"),
    ("bpf_prog_aux", "id"),
)
_WORD: Final = 8
_WORDS_AT_ONCE: Final = 16
_ALL_BITS: Final = (1 << 64) - 1
_SHIFT: Final = 29
#: Where on the stack the address of the files of this process is kept, an index is, and what is read begins.
_FILES, _INDEX, _READ = -8, -16, -16 - _WORD * _WORDS_AT_ONCE
#: The highest byte of the index, which is 0.
_HIGHEST: Final = _INDEX + _WORD - 1 if byteorder == "little" else _INDEX
#: Pieces beyond which a verifier that follows each round would take too long: 20 instructions for each and 5 a word.
_MOST: Final = 4096


class _Piece(NamedTuple):
    """Where something begins in an array, and what is there: words of a value, or the number of a program."""

    offset: int
    words: tuple[int, ...]


class _Pieces(NamedTuple):
    """An array in pieces of so many words; 0: each is a program."""

    map_fd: int
    words: int
    pieces: Sequence[_Piece]


def places(types: KernelTypes) -> list[int] | None:
    """Return at which bytes members of the kernel's structures are; None: it has others.

    :raises LibbpfError: the kernel does not describe its types.
    """
    with types:
        found = [types.place(structure, member) for structure, member in _MEMBERS]
    return None if None in found else [one for one in found if one is not None]


class MapDigest:
    """Compares arrays of this process. It makes a program for that once they are to stay as they are."""

    def __init__(self, kernel: Kernel, types: KernelTypes) -> None:
        self._kernel, self._types = kernel, types
        self._version = self._made_for = -1
        self._program = -1
        self._key = b""
        self._expected = 0

    def is_of(self, version: int, arrays: Callable[[], Iterable[Array]]) -> bool:
        """Return whether *arrays* have what they are to have; if not, that is not known.

        :param version: another one if they were to have something else before.
        """
        if self._version != version:
            self._version = version
            self.close()
            return False
        if self._made_for != version:
            self._made_for = version
            self._make([_in_pieces(one) for one in arrays() if one.entries])
            if not self._is_as_expected():  # the kernel has not what it takes, or something was changed before
                self.close()
        return self._is_as_expected()

    def _make(self, arrays: Sequence[_Pieces]) -> None:
        if self._kernel.untyped or not arrays:
            return
        try:
            self._program = self._load(arrays)
        except LibbpfError:
            return
        key = int.from_bytes(os.urandom(_WORD)) | 1
        self._key = struct.pack("=Q", key)
        self._expected = digest(chain.from_iterable(_words(one.pieces) for one in arrays), key)

    def _load(self, arrays: Sequence[_Pieces]) -> int:
        """Return a program; -1: there is none.

        :raises LibbpfError: the kernel refused it.
        """
        loops, members = self._kernel.has_may_goto, places(self._types)
        offsets = [piece.offset for one in arrays for piece in one.pieces]
        if members is None or (len(offsets) > _MOST and not loops):
            return -1
        table = self._kernel.table(struct.pack(f"={len(offsets)}I", *offsets))
        try:
            code = _Code(members, table, loops=loops).of(arrays)
            return self._kernel.program(code, PROGRAM_RAW_TRACEPOINT)
        finally:
            self._kernel.close(table)

    def _is_as_expected(self) -> bool:
        try:
            return self._program >= 0 and self._kernel.run(self._program, self._key) == self._expected
        except LibbpfError:
            return False

    def close(self) -> None:
        """Unload the program."""
        if self._program >= 0:
            self._kernel.close(self._program)
        self._program = -1


def digest(words: Iterable[int], key: int) -> int:
    """Return the digest of *words* of 64 bits with an odd *key*."""
    mixed = 0
    for word in words:
        mixed = (mixed ^ word) * key & _ALL_BITS
        mixed ^= mixed >> _SHIFT
    return mixed >> 32


def _words(pieces: Iterable[_Piece]) -> Iterator[int]:
    for offset, words in pieces:
        yield offset
        yield from words


def _in_pieces(array: Array) -> _Pieces:
    """Return an array in pieces of equal size, and as few as the stack of a program takes."""
    whole = -(-array.size // _WORD)  # entries begin at whole words
    count = max(number for number in range(1, _WORDS_AT_ONCE + 1) if whole % number == 0)
    pieces: list[_Piece] = []
    is_of_programs = False
    for key, entry in array.entries.items():
        place = int.from_bytes(key, byteorder)
        if isinstance(entry, int):
            pieces.append(_Piece(place * _WORD, (entry,)))
            is_of_programs = True
            continue
        words = struct.unpack(f"={whole}Q", entry.ljust(whole * _WORD, b"\0"))
        pieces += [_Piece((place * whole + at) * _WORD, words[at : at + count]) for at in range(0, whole, count)]
    return _Pieces(array.map_fd, 0 if is_of_programs else count, pieces)


class _Code:
    """Writes the program: R6 is the key, R7 the digest so far, R8 where an array begins, R9 an index in the *table*.

    The key is the first word of its context. The table has the offsets of all pieces.
    """

    def __init__(self, members: Sequence[int], table: int, *, loops: bool) -> None:
        self._files, self._value, self._number = members[:3], members[3:5], members[5:]
        self._table, self._loops = table, loops
        self._asm = Assembler()

    def of(self, arrays: Iterable[_Pieces]) -> bytes:
        """Return the instructions that read these *arrays*."""
        asm = self._asm
        asm.load(R6, R1, 0, _WORD)
        asm.constant(R7, 0)
        asm.call(GET_CURRENT_TASK)
        asm.arithmetic_register("=", R3, R0)
        self._follow(self._files)
        asm.store(FP, _FILES, R3, _WORD)
        begin = 0
        for array in arrays:
            private, value = self._value
            asm.load(R3, FP, _FILES, _WORD)
            self._follow((array.map_fd * _WORD, private))
            asm.arithmetic_register("=", R8, R3)
            asm.arithmetic("+", R8, value)
            self._each(begin, begin + len(array.pieces), array.words)
            begin += len(array.pieces)
        asm.arithmetic_register("=", R0, R7)
        asm.arithmetic(">>", R0, 32)
        asm.leave(None)
        return asm.assemble()

    def _each(self, begin: int, end: int, words: int) -> None:
        """Mix the pieces with these indices in the table."""
        asm = self._asm
        again, done = asm.label(), asm.label()
        asm.constant(R9, begin)
        asm.place(again)
        if self._loops:
            asm.may_goto(done)
            asm.store(FP, _INDEX, R9, _WORD)
            asm.store_constant(FP, _HIGHEST, 0, 1)  # in two parts, so that rounds look the same to the verifier
            asm.load(R9, FP, _INDEX, _WORD)
        asm.jump_if(R9, ">=", end, done)
        asm.map_value(R1, self._table)
        asm.arithmetic_register("=", R3, R9)
        asm.arithmetic("<<", R3, 2)
        asm.arithmetic_register("+", R1, R3)
        asm.load(R3, R1, 0, 4)
        self._mix(R3)
        asm.arithmetic_register("+", R3, R8)
        if words:
            self._read(words * _WORD)
            for number in range(words):
                asm.load(R3, FP, _READ + number * _WORD, _WORD)
                self._mix(R3)
        else:
            self._program()
        asm.arithmetic("+", R9, 1)
        asm.jump(again)
        asm.place(done)

    def _program(self) -> None:
        """Mix the number of the program whose address lies at R3; 0 if there is none."""
        asm, none = self._asm, self._asm.label()
        aux, number = self._number
        self._follow((0,))
        asm.jump_if(R3, "=", 0, none)
        self._follow((aux,))
        asm.arithmetic("+", R3, number)
        self._read(4)
        asm.load(R3, FP, _READ, 4)
        asm.place(none)
        self._mix(R3)

    def _follow(self, offsets: Iterable[int]) -> None:
        """Set R3 to the address that lies so many bytes behind it, once for each of *offsets*."""
        for offset in offsets:
            self._asm.arithmetic("+", R3, offset)
            self._read(_WORD)
            self._asm.load(R3, FP, _READ, _WORD)

    def _read(self, size: int) -> None:
        """Read *size* bytes at R3; they are 0 if there is nothing."""
        asm = self._asm
        asm.arithmetic_register("=", R1, FP)
        asm.arithmetic("+", R1, _READ)
        asm.constant(R2, size)
        asm.call(PROBE_READ_KERNEL)

    def _mix(self, register: int) -> None:
        """Mix a register into the digest, as :func:`digest` does; R1 is clobbered."""
        asm = self._asm
        asm.arithmetic_register("^", R7, register)
        asm.arithmetic_register("*", R7, R6)
        asm.arithmetic_register("=", R1, R7)
        asm.arithmetic(">>", R1, _SHIFT)
        asm.arithmetic_register("^", R7, R1)
