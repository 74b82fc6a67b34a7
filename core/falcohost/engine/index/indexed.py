"""The search for many rules: an index finds candidates; a rule's function is generated when it is first a candidate.

The index is a tree. Its root is one generated function that reads the fields of the lookups. An entry with many rules
becomes an index of its own, by other checks of these rules, when an event first reaches it. Generated code is bounded:
when there is too much, it is discarded and generated again as needed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from falcohost.engine.code.module import Module, repeated_fields
from falcohost.engine.index.filing import FOUND
from falcohost.engine.index.lookups import Lookups
from falcohost.engine.index.memory import EventMemory
from falcohost.engine.index.tree import known_first, make_index
from falcohost.engine.index.weights import Facility
from falcohost.engine.ir import Expr, FieldRef, operand_fields

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule
    from falcohost.events import Event

#: Numbers of rules; numbers from the number of rules upwards are branches.
Numbers: TypeAlias = tuple[int, ...]
#: The known values of one event; see :mod:`falcohost.engine.index.memory`.
Known: TypeAlias = list[Any]

#: An entry with more rules than this gets an index of its own, to at most this depth.
PLACE, DEPTH = 12, 4

#: Most rules without a witness inside the root function.
INLINE = 32

#: Most generated functions that are kept.
LIMIT = 4096


class _Branch(Struct):
    """An entry of the index with many rules.

    :ivar path: the lookups that led here.
    """

    numbers: Numbers
    path: frozenset[Facility]
    find: Callable[[Event, Known], Numbers] | None = None


class IndexedSearch:
    """Finds the rules of one event type that an event matches.

    :param conditions: the condition of each rule for this type, by its number, in order.
    :param results: by number what stands for the rule: a tuple of one.
    :param decisive: numbers of rules that end the search when they match; later rules are not evaluated.
    :ivar search: the function to call with an event.
    """

    def __init__(self, conditions: Mapping[int, Expr], results: Sequence[tuple[Rule]], decisive: Set[int]) -> None:
        self._conditions = conditions
        self._results = results
        self._decisive = decisive
        self._lasting = 0
        self._count = len(results)
        self.index = make_index(conditions, FOUND)
        self._known = self.index.known
        self._blank: list[object] = []
        self._branches: dict[int, _Branch] = {}
        self._places: dict[tuple[Numbers, frozenset[Facility]], int] = {}
        self._forget()
        self.search: Callable[[Event], Sequence[Rule]] = self._root(self._settle, INLINE)
        self._lasting = len(self._branches)

    def candidates(self, event: Event) -> list[int]:
        """Return the numbers of the rules to evaluate for *event*, in order."""
        return list(self._find(event))

    @functools.cached_property
    def _find(self) -> Callable[[Event], Sequence[int]]:
        return self._root(lambda event, found, known: self._rules_of(found, event, known), 0)

    def _forget(self) -> None:
        """Discard all generated code except the root."""
        self._generated = 0
        self._module = Module()
        self._blank.clear()
        self._memory = EventMemory(self._module, self._known, self._blank)
        self._rules: dict[int, Callable[[Event, Known], bool]] = {}
        self._asked: dict[int, Expr] = {}  # in the evaluated form; the memory identifies them by id
        for number in list(self._branches)[self._lasting :]:
            branch = self._branches.pop(number)
            del self._places[branch.numbers, branch.path]
        for branch in self._branches.values():
            branch.find = None

    def _root(self, settle: Callable[[Event, Numbers, Known], Any], inline: int) -> Callable[[Event], Any]:
        """Return the function that looks an event up and passes what it finds to *settle*.

        :param inline: most rules without a witness inside the function.
        """
        always = self.index.always if len(self.index.always) <= inline else ()
        module, conditions = Module(), [self._conditions[number] for number in always]
        kept: dict[FieldRef | int, int] = {ref: place for place, ref in enumerate(self._known)}
        for ref in repeated_fields(conditions):
            kept.setdefault(ref, len(kept))
        names, expressions = module.names, module.expressions(kept)
        lookups = Lookups(names, expressions, _Numbers(self, frozenset()))
        lines = lookups.lines(self.index, "h")
        known = "".join(f"v{place}, " for place in range(len(self._known)))
        call = f"return {names.of(settle)}(e, h, [{known}*{names.of(self._blank)}])"
        lines.append(f"    {'if h: ' if len(always) == len(self.index.always) else ''}{call}")
        nothing, have = names.of_constant(()), lookups.have
        lines.append(f"    r = {nothing}")
        for number, condition in zip(always, conditions, strict=True):
            code = expressions.condition(condition, have)
            result = names.of(self._results[number])
            decisive = number in self._decisive
            lines.append(f"    if {code.text}: {'return r +' if decisive else 'r +='} {result}")
            have |= code.false if decisive else code.true & code.false
        name = module.function([*expressions.prologue(), *lines, "    return r"])
        return module.functions()[name]

    def _settle(self, event: Event, found: Numbers, known: Known) -> Sequence[Rule]:
        """Evaluate the rules that were *found*, and those that are always evaluated."""
        if self._generated >= LIMIT:
            self._forget()
        rules = self._rules
        matched: tuple[Rule, ...] = ()
        for number in self._rules_of(found, event, known):
            if (rules.get(number) or self._rule(number, known))(event, known):
                matched += self._results[number]
                if number in self._decisive:
                    break
        return matched

    def _rules_of(self, found: Numbers, event: Event, known: Known) -> list[int]:
        """Return the rules in *found*, those in its branches, and those that are always evaluated, in order."""
        numbers = sorted({*found, *self.index.always})
        if numbers[-1] < self._count:
            return numbers
        rules = set(numbers)
        branches = {number for number in numbers if number >= self._count}
        rules -= branches
        while branches:
            branch = self._branches[branches.pop()]
            for number in (branch.find or self._grow(branch, known))(event, known):
                (rules if number < self._count else branches).add(number)
        return sorted(rules)

    def _rule(self, number: int, known: Known) -> Callable[[Event, Known], bool]:
        """Return the function that evaluates a rule; functions that become outdated are generated again when needed."""
        condition = self._asked.setdefault(number, known_first(self._conditions[number], self._known))
        for other in self._memory.notice(number, condition):
            self._rules.pop(other, None)
        made = self._rules[number] = self._made(self._module.condition(condition, self._memory), known)
        return made

    def _grow(self, branch: _Branch, known: Known) -> Callable[[Event, Known], Numbers]:
        """Return the function that finds rules among those of a branch."""
        index = make_index({number: self._conditions[number] for number in branch.numbers}, FOUND, branch.path)
        refs = (ref for operand in index.drawers for ref in operand_fields(operand))
        kept: dict[FieldRef | int, int] = {ref: place for place, ref in enumerate(dict.fromkeys(refs))}
        expressions = self._module.expressions(kept, self._memory)
        lines = Lookups(self._module.names, expressions, _Numbers(self, branch.path)).lines(index, "h")
        lines.append(f"    return h + {self._module.names.of_constant(index.always)}")
        branch.find = self._made(self._module.function([*expressions.prologue(), *lines], "e, s"), known)
        return branch.find

    def _made(self, name: str, known: Known) -> Callable[..., Any]:
        """Compile the written source; extend the current event's list by the new places."""
        self._generated += 1
        known.extend(self._blank[len(known) - len(self._known) :])
        return self._module.functions()[name]

    def place(self, numbers: Numbers, path: frozenset[Facility]) -> Numbers:
        """Return the entry for rules that share a key of the index: the rules themselves, or one branch."""
        if len(numbers) <= PLACE or len(path) > DEPTH:
            return numbers
        branch = self._places.setdefault((numbers, path), self._count + len(self._places))
        self._branches.setdefault(branch, _Branch(numbers, path))
        return (branch,)


class _Numbers:
    """Represents sets of rules as tuples of numbers."""

    operator = "+="
    nothing: Numbers = ()

    def __init__(self, search: IndexedSearch, path: frozenset[Facility]) -> None:
        self._search = search
        self._path = path

    def pack(self, numbers: Numbers, which: Facility) -> Numbers:
        return self._search.place(numbers, self._path | {which})

    def text(self, packed: Numbers) -> str:
        return "(" + "".join(f"{number}, " for number in packed) + ")"

    def join(self, one: Numbers, other: Numbers) -> Numbers:
        return one + other
