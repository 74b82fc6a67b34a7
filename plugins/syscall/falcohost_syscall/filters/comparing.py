"""Writes tests of texts as instructions: compares, looks up, searches.

A few constants are compared one by one. More are looked up at once, in maps that the filter brings along.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple, Protocol

from falcohost_syscall.filters import searching
from falcohost_syscall.filters.condition import Text
from falcohost_syscall.filters.sets import SEARCHED_FOR, apart, ordered, prefixes, texts
from falcohost_syscall.filters.site import Memory
from falcohost_syscall.kernel.assembler import (
    FP,
    MAP_LOOKUP_ELEM,
    PROBE_READ_KERNEL,
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R8,
    R9,
    Assembler,
    Label,
)

#: Without may_goto the verifier follows every round of a loop over a text, so longer texts count as true.
LOOKED_AT_UNROLLED: Final = 255
#: Where keys are built, relative to the top of the stack. Before it stands the number of the set that is asked, if a
#: map has several, and before that the length of a trie's key.
KEY: Final = -264
NUMBER: Final = 4


class Kept(NamedTuple):
    """Where constants are kept.

    :ivar map: the map's descriptor.
    :ivar number: if the map has several sets, the number of this one, which its keys begin with; of a table the place.
    """

    map: int
    number: int | None = None


class Maps(Protocol):
    """The site's maps (:class:`SiteMaps`) and the maps that a filter brings along, by descriptor.

    :ivar loops: the kernel has may_goto, so the verifier need not follow every round of a loop.
    """

    memory: int
    stages: int
    keyed: int
    loops: bool

    def texts(self, constants: Iterable[bytes], size: int) -> Kept:
        """Return a hash map of *constants*, each padded with zeros to *size* bytes."""

    def prefixes(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> Kept:
        """Return a trie of prefixes (bytes, length in bits), of keys of at most *size* bytes."""

    def table(self, value: bytes) -> Kept:
        """Return an array whose only entry has *value*, at its beginning or the place that is told."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Where to jump if a test holds, if it does not, and if the kernel cannot tell."""

    true: Label
    false: Label
    unknown: Label


def look_up(asm: Assembler, map_fd: int, key: int) -> None:
    """Look up the key at FP + *key*; R0 becomes the address of the value, or 0."""
    asm.map(R1, map_fd)
    asm.arithmetic_register("=", R2, FP)
    asm.arithmetic("+", R2, key)
    asm.call(MAP_LOOKUP_ELEM)


def look_up_text(asm: Assembler, kept: Kept) -> None:
    """Look up the text at ``KEY``, padded with zeros, in a hash map."""
    if kept.number is None:
        look_up(asm, kept.map, KEY)
        return
    asm.store_constant(FP, KEY - NUMBER, kept.number, NUMBER)
    look_up(asm, kept.map, KEY - NUMBER)


def look_up_prefix(asm: Assembler, kept: Kept) -> None:
    """Look up in a trie the key at ``KEY``, whose length in bits is in the four bytes before it."""
    if kept.number is None:
        look_up(asm, kept.map, KEY - 4)
        return
    asm.load(R1, FP, KEY - 4, 4)
    asm.arithmetic("+", R1, 8 * NUMBER)
    asm.store(FP, KEY - NUMBER - 4, R1, 4)
    asm.store_constant(FP, KEY - NUMBER, kept.number, NUMBER)
    look_up(asm, kept.map, KEY - NUMBER - 4)


class TextTest:
    """Writes one test. Once :meth:`write` has begun, R1 is the text's length, R2 its address less ``Memory.texts``."""

    def __init__(self, asm: Assembler, memory: Memory, maps: Maps, to: Targets, test: Text, base: int = R6) -> None:
        """Prepare to write *test*; *base* is the register that the offset of its view is added to."""
        self._asm, self._memory, self._maps, self._to = asm, memory, maps, to
        self._test = test
        self._base = base

    def write(self) -> None:
        """Write the test."""
        asm, to, test, lengths = self._asm, self._to, self._test, self._memory.lengths
        told = asm.label()
        asm.load(R1, self._base, test.view.offset + 2, 2)
        asm.jump_if(R1, "<=", lengths.longest, told)
        asm.jump_if(R1, "=", lengths.absent, to.false)
        if test.view.cut:
            self._take_begin(told)
        if test.op == "exists":
            asm.jump_if(R1, "=", lengths.no_slash, to.true)
            asm.jump_if(R1, "=", lengths.ends, to.true)
        elif all(b"/" in constant for constant in test.constants):
            asm.jump_if(R1, "=", lengths.no_slash, to.false)
        if test.op in ("=", "startswith") and all(constant.startswith(b"/") for constant in test.constants):
            asm.jump_if(R1, "=", lengths.ends, to.false)
        asm.jump(to.unknown)
        asm.place(told)
        if test.op == "exists":
            asm.jump(to.true)
            return
        self._find()
        if test.view.absolute:
            asm.load(R3, R2, self._memory.texts, 1)
            asm.jump_if(R3, "!=", ord("/"), to.unknown)
        constants = ordered(test.constants)
        emit = {
            "=": self._equal,
            "startswith": self._begins,
            "endswith": self._ends,
            "contains": self._contains,
            "icontains": self._contains_folded,
        }
        emit[test.op](constants)

    def _take_begin(self, told: Label) -> None:
        """Use the known beginning of a long text where it decides the test."""
        asm, to, test, lengths = self._asm, self._to, self._test, self._memory.lengths
        if test.op == "exists":
            asm.jump_if(R1, "=", lengths.begin, to.true)
        elif all(len(constant) < lengths.told for constant in test.constants):
            if test.op == "=":
                asm.jump_if(R1, "=", lengths.begin, to.false)
            elif test.op == "startswith":
                other = asm.label()
                asm.jump_if(R1, "!=", lengths.begin, other)
                asm.constant(R1, lengths.told)
                asm.jump(told)
                asm.place(other)

    def _find(self) -> None:
        """Set R2 to the text's address minus ``Memory.texts``."""
        asm = self._asm
        asm.load(R2, self._base, self._test.view.offset, 2)
        asm.arithmetic("&", R2, self._memory.size - 1)
        asm.arithmetic_register("+", R2, R6)

    def _equal(self, constants: list[bytes]) -> None:
        asm, to = self._asm, self._to
        one_by_one, looked_up = apart(constants)
        for length, group in groupby(one_by_one, len):
            other = asm.label()
            asm.jump_if(R1, "!=", length, other)
            for constant in group:
                self._compare(R2, self._memory.texts, constant, to.true)
            asm.place(other)
        if looked_up:
            self._among(looked_up)
        asm.jump(to.false)

    def _compare(self, base: int, offset: int, constant: bytes, equal: Label) -> None:
        """Jump to *equal* if *constant* is at *base* + *offset*. Compares from the end: it differs more often."""
        asm, other = self._asm, self._asm.label()
        for at, size in reversed(_chunks(len(constant))):
            asm.load(R3, base, offset + at, size)
            asm.jump_if(R3, "!=", int.from_bytes(constant[at : at + size], "little"), other, short=True)
        asm.jump(equal)
        asm.place(other)

    def _among(self, constants: list[bytes]) -> None:
        asm, to, found = self._asm, self._to, texts(constants)
        asm.jump_if(R1, ">", len(constants[-1]), to.false)
        asm.jump_if(R1, "<", len(constants[0]), to.false)
        self._copy(found.size, KEY)
        look_up_text(asm, self._maps.texts(*found))
        asm.jump_if(R0, "!=", 0, to.true)

    def _copy(self, size: int, key: int) -> None:
        """Copy the text, which has at most *size* bytes, to the stack, and pad it with zeros."""
        asm = self._asm
        for at in range(key, key + size, 8):
            asm.store_constant(FP, at, 0, 8)
        asm.arithmetic_register("=", R3, R2)
        asm.arithmetic("+", R3, self._memory.texts)
        asm.arithmetic_register("=", R2, R1)
        asm.arithmetic_register("=", R1, FP)
        asm.arithmetic("+", R1, key)
        asm.call(PROBE_READ_KERNEL)

    def _begins(self, constants: list[bytes]) -> None:
        asm, to = self._asm, self._to
        one_by_one, looked_up = apart(constants)
        for constant in one_by_one:
            shorter = asm.label()
            asm.jump_if(R1, "<", len(constant), shorter)
            self._compare(R2, self._memory.texts, constant, to.true)
            asm.place(shorter)
        if looked_up:
            self._begins_with_one_of(looked_up)
        asm.jump(to.false)

    def _begins_with_one_of(self, constants: list[bytes]) -> None:
        asm, to, found = self._asm, self._to, prefixes(constants)
        longest, short = found.size, asm.label()
        asm.jump_if(R1, "<=", longest, short)
        asm.constant(R1, longest)
        asm.place(short)
        asm.arithmetic_register("=", R4, R1)
        asm.arithmetic("<<", R4, 3)
        asm.store(FP, KEY - 4, R4, 4)
        self._copy(longest, KEY)
        look_up_prefix(asm, self._maps.prefixes(*found))
        asm.jump_if(R0, "!=", 0, to.true)

    def _ends(self, constants: list[bytes]) -> None:
        asm, to = self._asm, self._to
        one_by_one, looked_up = apart(constants)
        for constant in one_by_one:
            shorter = asm.label()
            asm.jump_if(R1, "<", len(constant), shorter)
            asm.arithmetic_register("=", R4, R2)  # only here does the verifier know that the text is long enough
            asm.arithmetic_register("+", R4, R1)
            self._compare(R4, self._memory.texts - len(constant), constant, to.true)
            asm.place(shorter)
        if looked_up:
            self._ends_with_one_of(looked_up)
        asm.jump(to.false)

    def _ends_with_one_of(self, constants: list[bytes]) -> None:
        asm, to = self._asm, self._to
        asm.arithmetic_register("=", R8, R1)
        asm.arithmetic_register("=", R9, R2)
        asm.arithmetic_register("+", R9, R1)
        for length, group in groupby(constants, len):
            asm.jump_if(R8, "<", length, to.false)
            asm.constant(R1, length)
            asm.arithmetic_register("=", R2, R9)
            asm.arithmetic("-", R2, length)
            found = texts([*group])
            self._copy(found.size, KEY)
            look_up_text(asm, self._maps.texts(*found))
            asm.jump_if(R0, "!=", 0, to.true)
        asm.jump(to.false)

    def _contains(self, constants: list[bytes]) -> None:
        if len(constants) > SEARCHED_FOR:
            self._walk(constants, fold=False)
            return
        asm, to = self._asm, self._to
        (constant,) = constants
        again = asm.label()
        self._leave_out_texts_without(searching.rare_byte(constants, fold=False))
        self._start_loop()
        asm.jump_if(R1, "<", len(constant), to.false)
        asm.arithmetic("-", R1, len(constant) - 1)
        asm.place(again)
        self._compare(self._next_place(), self._memory.texts, constant, to.true)
        self._again(again)

    def _contains_folded(self, constants: list[bytes]) -> None:
        self._walk(constants, fold=True)

    def _leave_out_texts_without(self, byte: int | None) -> None:
        """Jump to *false* if the text lacks *byte*. Tests eight bytes at a time, some of them beyond the text's end.

        Without may_goto this loop is left out: the verifier would follow every round of it too.
        """
        if byte is None or not self._maps.loops:
            return
        asm = self._asm
        again, found, each = asm.label(), asm.label(), 0x0101010101010101
        self._start_loop()
        asm.jump_if(R1, "=", 0, self._to.false)
        asm.constant(R8, byte * each)
        asm.constant(R9, each)
        asm.constant(R0, 0x80 * each)
        asm.place(again)
        asm.load(R3, self._next_place(), self._memory.texts, 8)
        asm.arithmetic_register("^", R3, R8)  # only the wanted byte is zero now
        asm.arithmetic_register("=", R2, R3)
        asm.arithmetic_register("-", R2, R9)
        asm.arithmetic("^", R3, -1)
        asm.arithmetic_register("&", R2, R3)
        asm.arithmetic_register("&", R2, R0)
        asm.jump_if(R2, "!=", 0, found)
        asm.arithmetic("+", R4, 8)
        asm.arithmetic("-", R1, 8)
        asm.jump_if(R1, "s>", 0, again)
        asm.jump(self._to.false)
        asm.place(found)
        asm.load(R1, R6, self._test.view.offset + 2, 2)
        self._find()

    def _walk(self, constants: list[bytes], *, fold: bool) -> None:
        """Walk through the text with the automaton of the constants: R8 is the state's row, R9 the table."""
        asm, to = self._asm, self._to
        again, rows = asm.label(), searching.CLASSES
        table = searching.table(constants, fold=fold)
        self._leave_out_texts_without(searching.rare_byte(constants, fold=fold))
        self._start_loop()
        asm.jump_if(R1, "=", 0, to.false)
        kept = self._maps.table(table)
        asm.map_value(R9, kept.map)
        if kept.number:
            asm.arithmetic("+", R9, kept.number)
        asm.constant(R8, 0)
        asm.place(again)
        asm.load(R3, self._next_place(), self._memory.texts, 1)
        asm.arithmetic_register("=", R2, R9)
        asm.arithmetic_register("+", R2, R3)
        asm.load(R3, R2, 0, 1)
        asm.arithmetic("<<", R3, 2)
        asm.arithmetic_register("+", R8, R3)
        asm.jump_if(R8, ">", len(table) - rows - searching.ENTRY, to.unknown)  # for the verifier
        asm.arithmetic_register("=", R2, R9)
        asm.arithmetic_register("+", R2, R8)
        asm.load(R8, R2, rows, searching.ENTRY)
        asm.jump_if(R8, "=", searching.HIT, to.true)
        self._again(again)

    def _start_loop(self) -> None:
        """Set R4 to the place of the text, of which R1 bytes are left to look at."""
        asm = self._asm
        asm.jump_if(R1, ">", self._test.view.searched if self._maps.loops else LOOKED_AT_UNROLLED, self._to.unknown)
        asm.arithmetic_register("=", R4, R2)
        if self._maps.loops:
            asm.arithmetic_register("-", R4, R6)

    def _again(self, again: Label) -> None:
        """Go on with the next byte, if there is one."""
        asm = self._asm
        asm.arithmetic("+", R4, 1)
        asm.arithmetic("-", R1, 1)
        asm.jump_if(R1, "s>", 0, again)  # with != 0 verifiers up to Linux 6.7 do not see that the loop ends
        asm.jump(self._to.false)

    def _next_place(self) -> int:
        """Return the register that holds the address of the place R4, minus ``Memory.texts``."""
        if not self._maps.loops:
            return R4
        asm = self._asm
        asm.may_goto(self._to.unknown)
        asm.store(R6, self._memory.free, R4, 4)  # through memory, so that rounds look the same to the verifier
        asm.load(R2, R6, self._memory.free, 4)
        asm.arithmetic("&", R2, self._memory.size - 1)
        asm.arithmetic_register("+", R2, R6)
        return R2


def _chunks(length: int) -> list[tuple[int, int]]:
    """Return offsets and sizes of the loads that together cover *length* bytes; the last one may overlap."""
    if length >= 4:
        places = list(range(0, length - 3, 4))
        return [(at, 4) for at in places] + ([(length - 4, 4)] if length % 4 else [])
    return [(at, size) for at, size in ((0, length & 2), (length & 2, length & 1)) if size]
