"""Compiles a condition to the BPF program that tests it.

The program is tail-called with the event's memory filled as far as its :class:`Point` says. Where the condition may
hold, it goes on to the next stage. Where it cannot hold, it goes on to the stage that asks the filters again under the
next name, if it tested a text that has one; else to the stage for events that are left out, or it returns.
"""

from __future__ import annotations

from typing import Final

from falcohost_syscall.filters.comparing import KEY, Maps, Targets, TextTest, look_up, look_up_prefix
from falcohost_syscall.filters.condition import Address, All, Bits, Condition, Literal, Number, Text, Within, literals
from falcohost_syscall.filters.series import Series, in_series
from falcohost_syscall.filters.sets import networks
from falcohost_syscall.filters.site import Site
from falcohost_syscall.kernel.assembler import (
    FARTHEST,
    FP,
    GET_SMP_PROCESSOR_ID,
    MAP_LOOKUP_ELEM,
    R0,
    R1,
    R2,
    R3,
    R6,
    R7,
    R8,
    R9,
    TAIL_CALL,
    Assembler,
    Label,
    TooLongError,
)

#: At most this many instructions come before the first jump.
_AHEAD: Final = 16


def compile_filter(condition: Condition, stage: int, maps: Maps, site: Site) -> bytes:
    """Return the program that goes on to *stage* where *condition* may hold.

    :raises TooLongError: the program would be too long for its jumps.
    """
    return _Compiler(maps, site).program(condition, stage)


def begin(asm: Assembler, memory: int, unknown: Label) -> None:
    """Keep the context in R7 and the address of the event's memory in R6; jump to *unknown* if there is none."""
    asm.arithmetic_register("=", R7, R1)
    asm.call(GET_SMP_PROCESSOR_ID)
    asm.arithmetic("<<", R0, 1)
    asm.store(FP, -8, R0, 4)
    look_up(asm, memory, -8)
    asm.jump_if(R0, "=", 0, unknown)
    asm.arithmetic_register("=", R6, R0)


class _Compiler:
    def __init__(self, maps: Maps, site: Site) -> None:
        self._maps = maps
        self._site = site
        self._asm = Assembler()

    def program(self, condition: Condition, stage: int) -> bytes:
        asm = self._asm
        yes, no = asm.label(), asm.label()
        begin(asm, self._maps.memory, yes)
        self._condition(condition, yes, no)
        asm.place(yes)
        self._go_on(stage)
        asm.leave()
        asm.place(no)
        for views, place in self._site.further:
            if _asks(condition, views):
                only = asm.label()
                asm.arithmetic_register("=", R1, R6)
                asm.arithmetic("+", R1, place)
                asm.load(R1, R1, 0, 8)
                asm.jump_if(R1, "=", 0, only)
                self._go_on(self._site.again)
                asm.place(only)
        self._go_on(self._site.left_out)
        asm.leave()
        return asm.assemble()

    def _go_on(self, stage: int) -> None:
        """Tail-call *stage*; if the probe does not have it, go on behind the call."""
        asm = self._asm
        asm.arithmetic_register("=", R1, R7)
        asm.map(R2, self._maps.stages)
        asm.constant(R3, stage)
        asm.call(TAIL_CALL)

    def _condition(self, condition: Condition, yes: Label, no: Label) -> None:
        """Jump to *yes* or to *no*, never past the end."""
        if isinstance(condition, Literal):
            true, false = (no, yes) if condition.negated else (yes, no)
            self._test(condition.test, Targets(true, false, unknown=yes))
            return
        conjunction = isinstance(condition, All)
        for item in in_series(condition.items):
            following = self._asm.label()
            true, false = (following, no) if conjunction else (yes, following)
            if isinstance(item, Series):
                self._series(item, true, false, following)
            else:
                self._condition(item, true, false)
            self._asm.place(following)
        self._asm.jump(yes if conjunction else no)

    def _test(self, test: Within | Bits | Text | Address, to: Targets) -> None:
        if len(self._asm) > FARTHEST + _AHEAD:  # the first jump leads to the end
            raise TooLongError
        if isinstance(test, Within):
            self._within(test, to)
        elif isinstance(test, Bits):
            self._bits(test, to)
        elif isinstance(test, Text):
            TextTest(self._asm, self._site.memory, self._maps, to, test).write()
        else:
            self._address(test, to)

    def _series(self, series: Series, true: Label, false: Label, end: Label) -> None:
        """Test one text after the other: R9 is its distance from the first, R8 the address of the memory plus that.

        The first that decides jumps to *true* or *false*, whichever is not *end*.
        """
        asm, memory = self._asm, self._site.memory
        again, following = asm.label(), asm.label()
        last = series.step * (series.texts - 1)
        asm.constant(R9, 0)
        asm.place(again)
        if self._maps.loops:
            asm.may_goto(true)
            asm.store(R6, memory.free, R9, 4)  # through memory, so that rounds look the same to the verifier
            asm.load(R9, R6, memory.free, 4)
            asm.jump_if(R9, ">", last, end)
        asm.arithmetic_register("=", R8, R6)
        asm.arithmetic_register("+", R8, R9)
        holds, fails = (following if one == end else one for one in (true, false))
        targets = Targets(fails, holds, holds) if series.negated else Targets(holds, fails, holds)
        TextTest(asm, memory, self._maps, targets, series.first, R8).write()
        asm.place(following)
        asm.arithmetic("+", R9, series.step)
        if self._maps.loops:
            asm.jump(again)
        else:
            asm.jump_if(R9, "<=", last, again)
            asm.jump(end)

    # Numbers.

    def _number(self, number: Number, to: Targets) -> None:
        """Load a number into R1, or jump to *unknown*."""
        asm = self._asm
        if number.keyed:
            asm.map(R1, self._maps.keyed)
            asm.arithmetic_register("=", R2, R6)
            asm.arithmetic("+", R2, number.offset)
            asm.call(MAP_LOOKUP_ELEM)
            asm.jump_if(R0, "=", 0, to.unknown)
            asm.load(R1, R0, 0, number.size)
        else:
            asm.load(R1, R6, number.offset, number.size)
        if number.minus:
            asm.load(R2, R6, number.minus, number.size)
            asm.arithmetic_register("-", R1, R2)
        if number.mask:
            asm.arithmetic("&", R1, number.mask)
        if number.signed and number.size < 8:
            asm.arithmetic("<<", R1, 64 - 8 * number.size)
            asm.arithmetic("s>>", R1, 64 - 8 * number.size)
        if number.unknown is not None:
            asm.jump_if(R1, "=", number.unknown, to.unknown)

    def _within(self, test: Within, to: Targets) -> None:
        self._number(test.number, to)
        asm, sign = self._asm, "s" if test.number.signed else ""
        for low, high in test.ranges:
            if low == high:
                asm.jump_if(R1, "=", low, to.true)
                continue
            above = asm.label()
            if low > test.number.lowest:
                asm.jump_if(R1, f"{sign}<", low, above)
            if high < test.number.highest:
                asm.jump_if(R1, f"{sign}<=", high, to.true)
            else:
                asm.jump(to.true)
            asm.place(above)
        asm.jump(to.false)

    def _bits(self, test: Bits, to: Targets) -> None:
        self._number(test.number, to)
        asm = self._asm
        asm.constant(R2, test.mask)
        asm.arithmetic_register("&", R1, R2)
        asm.jump_if(R1, "=", test.mask, to.true)
        asm.jump(to.false)

    # Addresses.

    def _address(self, test: Address, to: Targets) -> None:
        asm = self._asm
        asm.store_constant(FP, KEY - 4, 128, 4)
        for half in (0, 8):
            asm.load(R1, R6, test.offset + half, 8)
            asm.store(FP, KEY + half, R1, 8)
        look_up_prefix(asm, self._maps.prefixes(*networks(test)))
        asm.jump_if(R0, "!=", 0, to.true)
        asm.jump(to.false)


def _asks(condition: Condition, places: frozenset[int]) -> bool:
    tests = [literal.test for literal in literals(condition)]
    return any(isinstance(test, Text) and test.view.offset in places for test in tests)
