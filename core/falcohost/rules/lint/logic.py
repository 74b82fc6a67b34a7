"""Finds parts of conditions that are never true, always true, or decide nothing.

A part is judged by what has to be true around it. What is found is proved; what cannot be proved is not found. A part
of a macro is reported only if the same holds wherever the macro is used: macros are written for several rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from falcohost.engine.explain.implication import Prover
from falcohost.engine.ir import Check, Expr, FieldRef, Not, operand_fields
from falcohost.hookspecs import EventParam
from falcohost.lang.printer import to_text
from falcohost.rules.definitions import RuleDef
from falcohost.rules.lint.finding import Finding
from falcohost.rules.lint.normal import Group, Literal, Part, normal
from falcohost.rules.lint.subject import Subject, about, about_part
from falcohost.rules.outline import OutlinedText

#: Most characters of a check in a message.
_LONG = 120

#: Fields whose argument is the name of a parameter of the event.
_PARAMETERS = ("evt.arg", "evt.rawarg")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that has to be true around a part: a literal and what it says, known to the prover."""

    literal: Literal
    expr: Expr


#: What has to be true around a part, by the fields that it reads.
Facts = Mapping[frozenset[FieldRef], Sequence[Fact]]


@dataclass(slots=True)
class _Seen:
    """A literal or group that rules use: how often, and what was found of it."""

    uses: int = 0
    found: list[tuple[RuleDef, str, str, str]] = field(default_factory=list)
    part: Literal | None = None


def judged(subject: Subject) -> Iterator[Finding]:
    """Yield the parts of all conditions that are never or always true, or redundant."""
    walks: dict[str, _Walk] = {}
    for compiled in subject.rules:
        rule = compiled.definition
        if compiled.rule is None:
            continue
        if rule.source not in walks:
            params = subject.sources[rule.source].event_params
            walks[rule.source] = _Walk({} if params is None else params())
        walks[rule.source].rule(rule, normal(subject.outline(rule)), compiled.rule.event_types)
    for walk in walks.values():
        yield from walk.findings()


class _Walk:
    """Walks through the conditions of one source."""

    def __init__(self, params: Mapping[str, Sequence[EventParam]]) -> None:
        self._params = {name: frozenset(one.name for one in found) for name, found in params.items()}
        self._prover = Prover()
        self._seen: dict[tuple[int, bool, str], _Seen] = {}
        self._never: list[Finding] = []
        self._kept: list[Part] = []  # so that ids stay what they are
        self._rule: RuleDef | None = None

    def rule(self, rule: RuleDef, part: Part, types: frozenset[str] | None) -> None:
        """Judge the condition *part* of *rule*, which is for events of *types*."""
        self._rule = rule
        self._kept.append(part)
        group = part if isinstance(part, Group) else Group(part.outline, True, (part,))
        self._group(group, {}, types, whole=True)

    def findings(self) -> Iterator[Finding]:
        """Yield what was found of whole conditions, and what was found in every use of a part."""
        yield from self._never
        for seen in self._seen.values():
            if seen.part is None or len(seen.found) < seen.uses:
                continue
            _, check, what, mend = seen.found[0]
            yield about_part(seen.part.outline, (rule for rule, *_ in seen.found), check, what, mend)

    def _group(self, group: Group, facts: Facts, types: frozenset[str] | None, *, whole: bool = False) -> None:
        """Judge *group*, which is the *whole* condition or a part of it."""
        if group.all:
            types = _narrowed(types, group)
            facts = self._all(group, facts, types, whole)
        else:
            self._any(group, facts, types)
        for inner in group.groups:
            self._group(inner, facts, types)

    def _all(self, group: Group, facts: Facts, types: frozenset[str] | None, whole: bool) -> Facts:
        """Judge the literals of a conjunction; return what has to be true inside it."""
        inside: dict[frozenset[FieldRef], list[Fact]] = {key: list(found) for key, found in facts.items()}
        for literal in group.literals:
            key, expr = _fields(literal), self._prover.known(literal.expr)
            self._absent(literal, types)
            if not literal.is_fixed:
                self._beside(literal, expr, inside.get(key, ()), whole)
                inside.setdefault(key, []).append(Fact(literal, expr))
        return inside

    def _any(self, group: Group, facts: Facts, types: frozenset[str] | None) -> None:
        """Judge the literals of a disjunction."""
        before: dict[frozenset[FieldRef], list[Fact]] = {}
        for literal in group.literals:
            key, expr = _fields(literal), self._prover.known(literal.expr)
            self._absent(literal, types)
            if literal.is_fixed:
                continue
            self._branch(literal, expr, facts.get(key, ()), before.get(key, ()))
            before.setdefault(key, []).append(Fact(literal, expr))

    def _beside(self, literal: Literal, expr: Expr, facts: Iterable[Fact], whole: bool) -> None:
        """Judge a *literal* that has to be true beside *facts*."""
        self._use(literal, "never-true", "always-true", "redundant")
        for fact in facts:
            other = _told(fact.literal)
            if self._excludes(fact.expr, expr):
                return self._contradiction(literal, other, whole)
            if _text(fact.literal) is _text(literal):
                if self._prover.implies(fact.expr, expr):
                    what = f"{_told(literal)} decides nothing beside {other}, which says as much or more"
                    return self._tell(literal, "redundant", what, "remove it")
                if self._prover.implies(expr, fact.expr):
                    what = f"{other} decides nothing beside {_told(literal)}, which says more"
                    return self._tell(fact.literal, "redundant", what, "remove it")
        return None

    def _contradiction(self, literal: Literal, other: str, whole: bool) -> None:
        """Tell that *literal* cannot be beside *other*; if it has to be for the *whole* condition, no event matches."""
        check, mend = "always-true" if literal.negated else "never-true", "remove or correct one of them"
        what = f"{_written(literal)} is {check.replace('-', ' ')} beside {other}"
        what = f"{what}, and must not be" if literal.negated else what
        if not whole:
            return self._tell(literal, check, what, mend)
        assert self._rule is not None
        what = f"the rule can never fire: {what}"
        self._never.append(about(self._rule, "never-fires", what, mend, spot=literal.outline.spot))
        return None

    def _branch(self, literal: Literal, expr: Expr, facts: Iterable[Fact], before: Iterable[Fact]) -> None:
        """Judge a *literal* that is one of several ways, where *facts* hold; *before* are earlier ways."""
        self._use(literal, "never-true", "always-true", "redundant")
        for fact in facts:
            implied = self._prover.implies(fact.expr, expr)
            if implied or self._excludes(fact.expr, expr):
                check = "always-true" if implied is not literal.negated else "never-true"
                what = f"{_written(literal)} is {check.replace('-', ' ')} where {_told(fact.literal)} is"
                matters = f", so nothing else in its '{'and' if literal.negated else 'or'}' matters" if implied else ""
                return self._tell(literal, check, what + matters, "remove or correct it")
        for fact in before:
            if _text(fact.literal) is not _text(literal) or _names_files(literal) or _names_files(fact.literal):
                continue
            if self._prover.implies(expr, fact.expr) or self._prover.implies(fact.expr, expr):
                what = f"{_told(literal)} and {_told(fact.literal)}: one of them covers the other"
                return self._tell(literal, "redundant", what, "remove the one that decides nothing")
        return None

    def _absent(self, literal: Literal, types: frozenset[str] | None) -> None:
        """Judge a check of a field that no event here has."""
        self._use(literal, "value")
        why = next(filter(None, (self._missing(ref, types) for ref in operand_fields(literal.check.left))), None)
        if why is not None and not literal.is_fixed:
            self._tell(
                literal, "never-true", f"{_written(literal)} is never true: {why}", "remove or correct it", "value"
            )

    def _missing(self, ref: FieldRef, types: frozenset[str] | None) -> str | None:
        """Return why no event of *types* has a value of *ref*; None if one may have."""
        if ref.field.absent and ref.field.name != "evt.dir":
            return f"{ref.text} has no value in any event"
        if ref.field.name not in _PARAMETERS or not isinstance(ref.arg, str) or not types:
            return None
        if any(name not in self._params or ref.arg in self._params[name] for name in types):
            return None
        names = sorted(types)
        shown_names = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
        return f"events of type {shown_names} have no parameter {ref.arg}"

    def _excludes(self, fact: Expr, expr: Expr) -> bool:
        """Return whether *expr* is proved to be false where *fact* is true."""
        if isinstance(expr, Not):
            return self._prover.implies(fact, self._prover.known(expr.item))
        return self._prover.implies(fact, self._prover.known(Not(expr)))

    def _use(self, literal: Literal, *checks: str) -> None:
        for check in checks:
            self._at(literal, check).uses += 1

    def _at(self, literal: Literal, check: str) -> _Seen:
        return self._seen.setdefault((id(literal.outline), literal.negated, check), _Seen())

    def _tell(self, literal: Literal, check: str, what: str, mend: str, key: str = "") -> None:
        assert self._rule is not None
        seen = self._at(literal, key or check)
        seen.part = literal
        seen.found.append((self._rule, check, what, mend))


def _narrowed(types: frozenset[str] | None, group: Group) -> frozenset[str] | None:
    """Return the event types of which *group* may be true."""
    for literal in group.literals:
        check = literal.check
        if isinstance(check, Check) and isinstance(check.left, FieldRef) and check.left.field.name == "evt.type":
            told = check.right if check.op == "in" else (check.right,) if check.op == "=" else None
            if isinstance(told, tuple) and not literal.negated and check.modifier is None:
                named = frozenset(map(str, told))
                types = named if types is None else types & named
    return types


def _fields(literal: Literal) -> frozenset[FieldRef]:
    return frozenset(operand_fields(literal.check.left))


def _names_files(literal: Literal) -> bool:
    """Return whether *literal* compares with whole paths, by which sources recognise files under other names, too."""
    check = literal.check
    values = (check.right if isinstance(check.right, tuple) else (check.right,)) if isinstance(check, Check) else ()
    listed = isinstance(check, Check) and check.op in ("=", "in")
    return listed and any(isinstance(value, str) and value.startswith("/") for value in values)


def _text(literal: Literal) -> OutlinedText:
    return literal.outline.text


def _told(literal: Literal) -> str:
    """Return what has to be true, in quotes."""
    return f"'not {_written(literal)[1:]}" if literal.negated else _written(literal)


def _written(literal: Literal) -> str:
    """Return the check as it is written, in quotes."""
    text = to_text(literal.outline.node)
    return f"'{text if len(text) <= _LONG else f'{text[:_LONG]}…'}'"
