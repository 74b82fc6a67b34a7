"""Finds answers of checks that cannot decide a rule for any event, so that coverage does not ask for them.

A check decides with an answer if all that is beside it leaves the decision to it: what is joined by ``and`` is true,
and what is joined by ``or`` is false. Often that cannot be. No event is of another type and still has the flags of
``mount``, and a path that is one of a list's cannot begin with another folder. What is found is proved; what is not
found may still be impossible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from falcohost.engine.code.predicates import predicate
from falcohost.engine.evttypes import event_types
from falcohost.engine.explain.implication import Prover
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, ListOf, Not, Or, Transform, checks
from falcohost.engine.operands import value_type
from falcohost.fields import Compare, Family
from falcohost.hookspecs import Certain
from falcohost.ruletests.conditions import Condition, Node

#: A part of a condition, and what it has to be.
_Wanted: TypeAlias = tuple[Expr, bool]
_Answered: TypeAlias = tuple[Check | Exists, bool]

#: Most steps of a proof. Without an end nothing is proved.
_MOST_STEPS = 20_000


class _TooLong(Exception):
    """A proof takes too many steps."""


class Possible:
    """Judges the checks of the rules of one source.

    :param types: the event types of the source; None: not known.
    :param certain: what is certain of checks of its fields.
    """

    def __init__(self, types: frozenset[str] | None = None, certain: Certain | None = None) -> None:
        self._types, self._certain = types, certain
        self._prover = Prover()
        self._of_type: dict[tuple[str, int], bool | None] = {}
        self._types_of: dict[int, tuple[frozenset[str] | None, frozenset[str] | None]] = {}
        self._more: dict[tuple[str, int], tuple[Check | Exists, ...]] = {}
        self._written: dict[int, tuple[Expr, Expr]] = {}
        self._steps = 0

    def decides(self, condition: Condition, node: Node, *, answer: bool) -> bool:
        """Return whether the check *node* may decide *condition* with *answer*; false is proved."""
        wanted = [(self._plain(one.part.expr), is_true) for one, is_true in _needed(condition, node, answer)]
        asked = [check for expr, _ in wanted for check in checks(expr)]
        alike: dict[object, str | None] = {}
        nothing = _Facts(self._prover)
        for kind in self._possible_types(wanted):
            self._steps = 0
            if any(self._told(expr, kind, nothing, is_true) is False for expr, is_true in wanted):
                continue
            alike.setdefault(tuple((self._answer(check, kind), self._implied(check, kind)) for check in asked), kind)
        return any(self._may_be(wanted, kind) for kind in alike.values())

    def fires(self, condition: Condition, event_type: str) -> bool:
        """Return whether an event of a type may meet *condition*; false is proved."""
        return self._may_be([(self._plain(condition.root.part.expr), True)], event_type)

    def _possible_types(self, wanted: Iterable[_Wanted]) -> Iterable[str | None]:
        found = event_types(And(tuple(expr if is_true else Not(expr) for expr, is_true in wanted)), self._types)
        if found is None:
            return (None,) if self._types is None else self._types
        return found if self._types is None else found & self._types

    def _may_be(self, wanted: Sequence[_Wanted], kind: str | None) -> bool:
        """Return whether all that is *wanted* may be for an event of type *kind*."""
        facts, choices = _Facts(self._prover), list[Sequence[_Wanted]]()
        self._steps = 0
        try:
            return self._take(wanted, kind, facts, choices) and self._solve(kind, facts, choices)
        except _TooLong:
            return True

    def _take(
        self, wanted: Iterable[_Wanted], kind: str | None, facts: _Facts, choices: list[Sequence[_Wanted]]
    ) -> bool:
        """Add what is *wanted* to *facts* and *choices*; return False if it contradicts them."""
        pending = list(wanted)
        while pending:
            expr, is_true = pending.pop(0)  # what is nearest to the check contradicts first
            if isinstance(expr, Not):
                pending.append((expr.item, not is_true))
            elif isinstance(expr, (And, Or)):
                items = [(item, is_true) for item in expr.items]
                if isinstance(expr, And) is is_true:
                    pending = items + pending
                else:
                    choices.append(items)
            else:
                self._step()
                fixed = self._answer(expr, kind)
                if fixed is (not is_true) or (fixed is None and not facts.add(expr, is_true)):
                    return False
                if is_true and not all(facts.add(one, True) for one in self._implied(expr, kind)):
                    return False
        return True

    def _solve(self, kind: str | None, facts: _Facts, choices: Sequence[Sequence[_Wanted]]) -> bool:
        """Return whether one way of each of *choices* may be beside *facts*."""
        while choices:
            left: list[Sequence[_Wanted]] = []
            forced: list[_Wanted] = []
            for choice in choices:
                answers = [self._told(expr, kind, facts, is_true) for expr, is_true in choice]
                if True in answers:
                    continue
                open_ways = [way for way, answer in zip(choice, answers, strict=True) if answer is None]
                if not open_ways:
                    return False
                if len(open_ways) == 1:
                    forced += open_ways
                else:
                    left.append(open_ways)
            if not forced:
                return self._branch(kind, facts, left)
            facts = facts.copy()
            if not self._take(forced, kind, facts, left):
                return False
            choices = left
        return True

    def _branch(self, kind: str | None, facts: _Facts, choices: list[Sequence[_Wanted]]) -> bool:
        if not choices:
            return True
        for way in choices[0]:
            own, rest = facts.copy(), choices[1:]
            if self._take((way,), kind, own, rest) and self._solve(kind, own, rest):
                return True
        return False

    def _told(self, expr: Expr, kind: str | None, facts: _Facts, wanted: bool) -> bool | None:
        """Return whether *expr* is as *wanted*, beside *facts*; None: that is open."""
        if isinstance(expr, Not):
            return self._told(expr.item, kind, facts, not wanted)
        if isinstance(expr, (And, Or)):
            every, found = isinstance(expr, And) is wanted, False
            for item in expr.items:
                answer = self._told(item, kind, facts, wanted)
                if answer is (not every):
                    return answer
                found = found or answer is None
            return None if found else every
        self._step()
        fixed = self._answer(expr, kind)
        if fixed is None:
            fixed = facts.answer(expr)
        return None if fixed is None else fixed is wanted

    def _answer(self, check: Check | Exists, kind: str | None) -> bool | None:
        """Return what *check* is for all events of type *kind*; None: that differs, or is not known."""
        if kind is None:
            return None
        key = kind, id(check)  # conditions and what was made of them are kept
        if key not in self._of_type:
            self._of_type[key] = self._found(check, kind)
        return self._of_type[key]

    def _implied(self, check: Check | Exists, kind: str | None) -> tuple[Check | Exists, ...]:
        """Return what else is true of all events of type *kind* for which *check* is."""
        if kind is None or self._certain is None:
            return ()
        key = kind, id(check)
        if key not in self._more:
            self._more[key] = tuple(self._certain.implied(kind, check))
        return self._more[key]

    def _found(self, check: Check | Exists, kind: str) -> bool | None:
        if id(check) not in self._types_of:
            self._types_of[id(check)] = event_types(check, self._types), event_types(Not(check), self._types)
        for types, answer in zip(self._types_of[id(check)], (False, True), strict=True):
            if types is not None and kind not in types:
                return answer
        return None if self._certain is None else self._certain.fixed(kind, check)

    def _plain(self, expr: Expr) -> Expr:
        """Return *expr* with checks of one thing only."""
        if id(expr) not in self._written:
            self._written[id(expr)] = expr, self._one_by_one(expr)
        return self._written[id(expr)][1]

    def _one_by_one(self, expr: Expr) -> Expr:
        if isinstance(expr, Not):
            return Not(self._plain(expr.item))
        if isinstance(expr, (And, Or)):
            return type(expr)(tuple(map(self._plain, expr.items)))
        if isinstance(expr, Check) and expr.modifier == "anyof" and _compares_one(expr):
            assert isinstance(expr.right, tuple)
            return Or(tuple(Check(expr.left, expr.op, value) for value in expr.right))
        return expr

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _TooLong


class _Facts:
    """Checks whose answers are given, by what they read."""

    def __init__(self, prover: Prover, facts: dict[object, list[_Answered]] | None = None) -> None:
        self._prover, self._facts = prover, {} if facts is None else facts

    def copy(self) -> _Facts:
        """Return the same facts, to which others may be added."""
        return _Facts(self._prover, {left: list(found) for left, found in self._facts.items()})

    def add(self, check: Check | Exists, is_true: bool) -> bool:
        """Add that *check* is true, or false; return False if that cannot be."""
        if self.answer(check) is (not is_true):
            return False
        beside = self._facts.setdefault(check.left, [])
        beside.append((check, is_true))
        return _have_a_value(beside)

    def answer(self, check: Check | Exists) -> bool | None:
        """Return what *check* has to be; None: that is not known."""
        for fact, is_true in self._facts.get(check.left, ()):
            told = self._implied(fact, is_true, check)
            if told is not None:
                return told
        return None

    def _implied(self, fact: Check | Exists, is_true: bool, check: Check | Exists) -> bool | None:
        given = self._prover.known(fact if is_true else Not(fact))
        if self._prover.implies(given, self._prover.known(check)):
            return True
        if self._prover.implies(given, self._prover.known(Not(check))):
            return False
        return False if is_true and _never_together(fact, check) else None


def _needed(condition: Condition, node: Node, answer: bool) -> Iterator[tuple[Node, bool]]:
    """Yield what has to be true or false for *node* to decide with *answer*."""
    yield node, answer
    for above, below in condition.above(node):
        if above.kind in ("and", "or"):
            yield from ((item, above.kind == "and") for item in above.items if item is not below)


def _compares_one(check: Check) -> bool:
    """Return whether *check* compares a single value with constants."""
    kind = value_type(check.left)
    constant = not isinstance(check.right, (FieldRef, Transform, ListOf))
    return constant and not kind.is_list and kind.compare is Compare.SCALAR


def _never_together(one: Check | Exists, other: Check | Exists) -> bool:
    """Return whether two checks of one text's beginning, or of its end, cannot both be true."""
    if not (isinstance(one, Check) and isinstance(other, Check) and one.op == other.op):
        return False
    first, second = one.right, other.right
    if not (isinstance(first, str) and isinstance(second, str) and _compares_one(one)):
        return False
    if one.op == "startswith":
        return not (first.startswith(second) or second.startswith(first))
    return one.op == "endswith" and not (first.endswith(second) or second.endswith(first))


def _have_a_value(facts: Iterable[_Answered]) -> bool:
    """Return whether all *facts* of one field may be with some value, where one of them lists its values."""
    checks = [(check, is_true) for check, is_true in facts if isinstance(check, Check) and _is_plain(check)]
    listed = [values for check, is_true in checks if is_true and (values := _values(check)) is not None]
    if not listed:
        return True
    asked = [(predicate(check), is_true) for check, is_true in checks]
    return any(all(ask(value) is is_true for ask, is_true in asked) for value in min(listed, key=len))


def _is_plain(check: Check) -> bool:
    return (
        check.modifier is None
        and _compares_one(check)
        and value_type(check.left).kind.family not in (Family.IP, Family.NET)
    )


def _values(check: Check) -> tuple[object, ...] | None:
    if check.op == "in" and isinstance(check.right, tuple):
        return check.right
    return (check.right,) if check.op == "=" else None
