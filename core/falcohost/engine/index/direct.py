"""The search for few rules: one generated function that contains all rules, and an index that says which to skip.

The index finds a bit set; rules that it always finds together share a bit. Fields, and sub-conditions that several
rules share, are kept in locals.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import groupby
from typing import TYPE_CHECKING, Any

from falcohost.engine.code.module import Module, repeated_fields
from falcohost.engine.index.filing import INLINE
from falcohost.engine.index.lookups import Lookups
from falcohost.engine.index.shared import repeated
from falcohost.engine.index.tree import known_first, make_index, refined
from falcohost.engine.index.weights import Facility
from falcohost.engine.index.witness import Witness
from falcohost.engine.ir import Expr, FieldRef

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule
    from falcohost.events import Event

#: From this many consecutive indexed rules, all are skipped at once if the index found none of them.
ROW = 3


class DirectSearch:
    """Finds the rules of one event type that an event matches.

    :param conditions: the condition of each rule for this type, by its number, in order.
    :param results: the result for each rule by number: a tuple of the rule.
    :param decisive: the numbers of the rules that end the search when they match.
    :ivar search: returns the rules that an event matches.
    """

    def __init__(self, conditions: Mapping[int, Expr], results: Sequence[tuple[Rule]], decisive: Set[int]) -> None:
        self._results = results
        self._decisive = decisive
        self._single = decisive == conditions.keys()
        self.index = make_index(conditions, INLINE)
        known = self.index.known
        self._conditions = {number: known_first(condition, known) for number, condition in conditions.items()}
        self._second = refined(self.index, self._conditions)
        self._bits = self._shared_bits()
        self.search: Callable[[Event], Sequence[Rule]] = self._compiled(self._rules)

    def candidates(self, event: Event) -> list[int]:
        """Return the numbers of the rules that are evaluated for *event*, in order."""
        found = self._find(event)
        return [number for number, bit in self._bits.items() if found & bit]

    @functools.cached_property
    def _find(self) -> Callable[[Event], int]:
        return self._compiled(lambda: [f"    return m | {self._mask(self.index.always)}"])

    def _compiled(self, rest: Callable[[], list[str]]) -> Callable[[Event], Any]:
        """Return the function that looks the event up in the index and then runs the lines that *rest* writes."""
        module = Module()
        self._names = module.names
        self._expressions = module.expressions(self._kept())
        lookups = Lookups(self._names, self._expressions, _Bits(self._bits))
        lines = lookups.lines(self.index, "m")
        self._have = lookups.have
        lines += [*self._refine(), *rest()]
        name = module.function([*self._expressions.prologue(), *lines])
        return module.functions()[name]

    def _shared_bits(self) -> dict[int, int]:
        """Return the bit of each rule: the same for those with the same witnesses in both lookups.

        So there are seldom more than 30 bits, with which Python computes three times as fast as with more.
        """
        second = {} if self._second is None else self._second.chosen
        bits: dict[tuple[Witness | None, Witness | None], int] = {}
        return {
            number: bits.setdefault((found, second.get(number)), 1 << len(bits))
            for number, found in self.index.chosen.items()
        }

    def _refine(self) -> list[str]:
        """Write the second lookup, for rules that the first one finds often."""
        index = self._second
        if index is None:
            return []
        sought = self._mask(index.chosen.keys() - set(index.always))
        rest = self._mask(self._conditions) & ~sought
        lines = Lookups(self._names, self._expressions, _Bits(self._bits), self._have).lines(index, "n")
        return [f"    if m & {sought}:", *(f"    {line}" for line in lines), f"        m &= n | {rest}"]

    def _rules(self) -> list[str]:
        """Write the rules; each indexed rule is guarded by its bit."""
        nothing = self._names.of_constant(())
        lines = [] if self.index.always else [f"    if not m: return {nothing}"]
        lines.append(f"    r = {nothing}")
        always = frozenset(self.index.always)
        for asked, row in groupby(self._conditions, always.__contains__):
            lines += (self._asked if asked else self._found)(tuple(row))
        return [*lines, "    return r"]

    def _kept(self) -> dict[FieldRef | int, int]:
        """Assign numbers to locals, for the fields that the index reads and for repeated fields and sub-conditions."""
        exprs = [*self._conditions.values(), *(test.check for test in self.index.tests)]
        kept: dict[FieldRef | int, int] = {}
        for ref in (*self.index.known, *repeated_fields(exprs)):
            kept.setdefault(ref, len(kept))
        start = len(kept)
        return kept | {key: start + number for key, number in repeated(exprs).items()}

    def _asked(self, numbers: tuple[int, ...]) -> list[str]:
        """Write the rules *numbers*, which are always evaluated."""
        lines = []
        for number in numbers:
            code = self._expressions.condition(self._conditions[number], self._have)
            lines.append(f"    if {code.text}: {self._answer(number)}")
            self._have |= code.false if number in self._decisive else code.true & code.false
        return lines

    def _found(self, numbers: tuple[int, ...]) -> list[str]:
        """Write the rules *numbers*, each of which is evaluated if its bit is set."""
        lines = []
        indent = "    "
        if len(numbers) >= ROW:
            lines.append(f"    if m & {self._mask(numbers)}:")
            indent = "        "
        for number in numbers:
            code = self._expressions.condition(self._conditions[number], self._have)
            lines.append(f"{indent}if m & {self._bits[number]} and ({code.text}): {self._answer(number)}")
        return lines

    def _answer(self, number: int) -> str:
        result = self._names.of(self._results[number])
        if number not in self._decisive:
            return f"r += {result}"
        return f"return {result}" if self._single else f"return r + {result}"

    def _mask(self, numbers: Iterable[int]) -> int:
        return functools.reduce(operator.or_, (self._bits[number] for number in numbers), 0)


class _Bits:
    """Represents sets of rules as bit sets."""

    operator, nothing = "|=", 0

    def __init__(self, bits: Mapping[int, int]) -> None:
        self._bits = bits

    def pack(self, numbers: tuple[int, ...], which: Facility) -> int:
        return functools.reduce(operator.or_, (self._bits[number] for number in numbers), 0)

    def text(self, packed: int) -> str:
        return str(packed)

    def join(self, one: int, other: int) -> int:
        return one | other
