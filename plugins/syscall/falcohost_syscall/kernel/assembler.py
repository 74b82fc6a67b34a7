"""A small assembler for BPF: named instructions, labels, and maps referred to by their descriptors.

The instruction set is Documentation/bpf/standardization/instruction-set.rst. Only what the filters need is here.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final, NewType

Label = NewType("Label", int)

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP = range(11)

#: Helper functions (include/uapi/linux/bpf.h, ``___BPF_FUNC_MAPPER``).
MAP_LOOKUP_ELEM, GET_SMP_PROCESSOR_ID, TAIL_CALL, GET_CURRENT_TASK = 1, 8, 12, 35
PROBE_READ_KERNEL, THIS_CPU_POINTER = 113, 154

_INSTRUCTION: Final = struct.Struct("=BBhi")
_SIZES: Final = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
_JUMPS: Final = {
    "=": 0x10,
    ">": 0x20,
    ">=": 0x30,
    "!=": 0x50,
    "s>": 0x60,
    "s>=": 0x70,
    "<": 0xA0,
    "<=": 0xB0,
    "s<": 0xC0,
    "s<=": 0xD0,
}
_ARITHMETIC: Final = {
    "+": 0x00,
    "-": 0x10,
    "*": 0x20,
    "&": 0x50,
    "^": 0xA0,
    "<<": 0x60,
    ">>": 0x70,
    "=": 0xB0,
    "s>>": 0xC0,
}
_JCOND = 0xE5
_JMP, _JMP32, _ALU64, _LDX, _ST, _STX = 0x05, 0x06, 0x07, 0x61, 0x62, 0x63
_REGISTER, _JA, _CALL, _EXIT, _LDDW = 0x08, 0x05, 0x85, 0x95, 0x18
_PSEUDO_MAP_FD, _PSEUDO_MAP_VALUE, _PSEUDO_BTF_ID = 1, 2, 3


class Operation(Enum):
    """What an instruction does."""

    SETS = "sets a register"
    STORES = "stores"
    JUMPS = "jumps"
    ELSE = "calls or returns"


#: Operations of all instructions that can be assembled.
OPERATIONS: Final = {
    **{_LDX | size: Operation.SETS for size in _SIZES.values()},
    **{kind | size: Operation.STORES for kind in (_ST, _STX) for size in _SIZES.values()},
    **{_ALU64 | op | by: Operation.SETS for op in _ARITHMETIC.values() for by in (0, _REGISTER)},
    **{_JMP | op | by: Operation.JUMPS for op in _JUMPS.values() for by in (0, _REGISTER)},
    **{_JMP32 | op: Operation.JUMPS for op in _JUMPS.values()},
    _LDDW: Operation.SETS,
    _JA: Operation.JUMPS,
    _JCOND: Operation.JUMPS,
    _CALL: Operation.ELSE,
    _EXIT: Operation.ELSE,
}

#: Largest distance of a jump, in instructions: its offset has 16 bits.
FARTHEST: Final = (1 << 15) - 1


class TooLongError(Exception):
    """A jump's target is further away than its 16-bit offset can express."""

    def __str__(self) -> str:
        return "a jump in it would exceed the 16-bit offset"


class Assembler:
    """Collects instructions in the order in which they are added and leaves out unreachable ones.

    The verifier refuses programs with unreachable instructions. A label may be placed before or after the jumps to it;
    the label of a loop has to be placed where the code is reachable.
    """

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int]] = []
        self._jumps: list[tuple[int, Label]] = []
        self._places: list[int | None] = []
        self._wanted: set[Label] = set()
        self._reached = True

    def __len__(self) -> int:
        return len(self._code)

    def label(self) -> Label:
        """Return a new label."""
        self._places.append(None)
        return Label(len(self._places) - 1)

    def place(self, label: Label) -> None:
        """Bind *label* to the next instruction."""
        self._places[label] = len(self._code)
        self._reached = self._reached or label in self._wanted

    def load(self, to: int, base: int, offset: int, size: int) -> None:
        """Load *size* bytes, zero-extended: ``to = *(base + offset)``."""
        self._emit(_LDX | _SIZES[size], to, base, offset)

    def store(self, base: int, offset: int, register: int, size: int) -> None:
        """Store: ``*(base + offset) = register``."""
        self._emit(_STX | _SIZES[size], base, register, offset)

    def store_constant(self, base: int, offset: int, value: int, size: int) -> None:
        """Store: ``*(base + offset) = value``."""
        self._emit(_ST | _SIZES[size], base, 0, offset, value)

    def constant(self, to: int, value: int) -> None:
        """Set ``to = value``; *value* may have 64 bits."""
        if _is_short(value):
            self.arithmetic("=", to, value)
            return
        value &= (1 << 64) - 1
        self._emit(_LDDW, to, 0, 0, _signed(value & 0xFFFFFFFF))
        self._emit(0, 0, 0, 0, _signed(value >> 32))

    def map(self, to: int, fd: int) -> None:
        """Load the address of the map with descriptor *fd*."""
        self._emit(_LDDW, to, _PSEUDO_MAP_FD, 0, fd)
        self._emit(0, 0, 0, 0)

    def map_value(self, to: int, fd: int) -> None:
        """Load the address of the only value of the array with descriptor *fd*."""
        self._emit(_LDDW, to, _PSEUDO_MAP_VALUE, 0, fd)
        self._emit(0, 0, 0, 0)

    def variable(self, to: int, number: int) -> None:
        """Load the address of a kernel variable, by the number that it has in the kernel's BTF."""
        self._emit(_LDDW, to, _PSEUDO_BTF_ID, 0, number)
        self._emit(0, 0, 0, 0)

    def arithmetic(self, op: str, to: int, value: int) -> None:
        """Compute ``to op= value``."""
        self._emit(_ALU64 | _ARITHMETIC[op], to, 0, 0, value)

    def arithmetic_register(self, op: str, to: int, register: int) -> None:
        """Compute ``to op= register``."""
        self._emit(_ALU64 | _REGISTER | _ARITHMETIC[op], to, register)

    def jump(self, label: Label) -> None:
        """Jump to *label*."""
        self._to(label)
        self._emit(_JA)
        self._reached = False

    def jump_if(self, register: int, op: str, value: int, label: Label, *, short: bool = False) -> None:
        """Jump to *label* if ``register op value``; *short* compares 32 bits. A *value* beyond 32 bits clobbers R5."""
        if short:
            self._to(label)
            self._emit(_JMP32 | _JUMPS[op], register, 0, 0, _signed(value & 0xFFFFFFFF))
        elif _is_short(value):
            self._to(label)
            self._emit(_JMP | _JUMPS[op], register, 0, 0, value)
        else:
            self.constant(R5, value)
            self._to(label)
            self._emit(_JMP | _REGISTER | _JUMPS[op], register, R5)

    def may_goto(self, label: Label) -> None:
        """Jump to *label* once a loop's budget is used up; lets the verifier stop at a round that adds no new state."""
        self._to(label)
        self._emit(_JCOND)

    def call(self, helper: int) -> None:
        """Call a helper: arguments in R1 to R5, which it clobbers; result in R0."""
        self._emit(_CALL, 0, 0, 0, helper)

    def leave(self, value: int | None = 0) -> None:
        """Return *value*, or what R0 holds if *value* is None."""
        if value is not None:
            self.arithmetic("=", R0, value)
        self._emit(_EXIT)
        self._reached = False

    def assemble(self) -> bytes:
        """Return the program's instructions.

        :raises TooLongError: the program is too long for a jump in it.
        """
        for at, label in self._jumps:
            place = self._places[label]
            assert place is not None, "a label was never placed"
            distance = place - at - 1
            if not -FARTHEST <= distance <= FARTHEST:
                raise TooLongError
            code, registers, _, value = self._code[at]
            self._code[at] = code, registers, distance, value
        return b"".join(_INSTRUCTION.pack(*instruction) for instruction in self._code)

    def _to(self, label: Label) -> None:
        if self._reached:
            self._jumps.append((len(self._code), label))
            self._wanted.add(label)

    def _emit(self, code: int, to: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> None:
        if self._reached:
            self._code.append((code, to | source << 4, offset, value))


def _is_short(value: int) -> bool:
    return -(1 << 31) <= value < 1 << 31


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
