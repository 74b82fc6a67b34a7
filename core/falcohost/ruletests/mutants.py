"""Faults in conditions, to see whether a test notices: another operator, one item less in a list, or no ``not``.

A fault changes what a rule says of an event only if the changed part decides there, so one look at the parts' answers
tells what the faulty rule would have said; no rule is compiled again. (``bench/mutations.py`` is for falcohost's own
code in Python and shares nothing with this.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from falcohost.engine.catalog import Catalog
from falcohost.engine.typecheck import check
from falcohost.errors import FalcohostError
from falcohost.lang.printer import operand_to_text, to_text
from falcohost.lang.tree import CheckNode, ListNode
from falcohost.ruletests.conditions import Answers, Ask, Compiled, Condition, Node, combined

#: Operators, and what each becomes; the others are negated.
_SWAPPED: Mapping[str, str] = {
    "=": "!=", "==": "!=", "!=": "=", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "contains": "startswith",
    "icontains": "contains", "startswith": "contains", "endswith": "contains", "bstartswith": "bcontains",
}  # fmt: skip
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault.

    :ivar number: the part that is changed.
    :ivar change: what becomes of it, for people.
    :ivar ask: evaluates the changed check; None: another operator joins the parts, or it is negated.
    :ivar joins: that operator.
    """

    number: int
    change: str
    ask: Ask | None = None
    joins: str = ""


def mutants(condition: Condition, catalog: Catalog, most: int) -> tuple[list[Mutant], int]:
    """Return at most *most* faults of *condition*, and how many there are in all."""
    found = [one for node in condition.nodes for one in _of(node, catalog, condition)]
    if len(found) <= most:
        return found, len(found)
    step = len(found) / most
    return [found[int(at * step)] for at in range(most)], len(found)


def _of(node: Node, catalog: Catalog, condition: Condition) -> Iterator[Mutant]:
    if node.kind == "check":
        yield from _checks(node, catalog, condition)
    elif node.kind == "not":
        yield Mutant(node.number, f"without not: {_cut(to_text(node.part.node))}")
    else:
        other = "or" if node.kind == "and" else "and"
        yield Mutant(node.number, f"{node.kind} → {other}: {_cut(to_text(node.part.node))}", joins=other)


def _checks(node: Node, catalog: Catalog, condition: Condition) -> Iterator[Mutant]:
    written = node.part.node
    assert isinstance(written, CheckNode)

    def asked(changed: CheckNode) -> Ask | None:
        try:
            return condition.ask(check(changed, catalog).expr)
        except FalcohostError:  # it is no valid check
            return None

    swapped = _SWAPPED.get(written.op)
    changed = None if swapped is None else asked(msgspec.structs.replace(written, op=swapped))
    if changed is not None:
        yield Mutant(node.number, f"{written.op} → {swapped}: {_cut(to_text(written))}", changed)
    else:
        yield Mutant(node.number, f"negated: {_cut(to_text(written))}")
    items = written.right.items if isinstance(written.right, ListNode) else ()
    for at, item in enumerate(items if len(items) > 1 else ()):
        assert isinstance(written.right, ListNode)
        rest = msgspec.structs.replace(written.right, items=(*items[:at], *items[at + 1 :]))
        less = asked(msgspec.structs.replace(written, right=rest))
        if less is not None:
            left = _cut(f"{operand_to_text(written.left)} {written.op} (…)")
            yield Mutant(node.number, f"without {_cut(operand_to_text(item))}: {left}", less)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@dataclass(slots=True)
class Changed:
    """What faulty rules say of the events of one test: for each fault the events on which it says something else."""

    events: dict[tuple[str, int], dict[int, bool]] = field(default_factory=dict)

    def take(
        self, rule: str, faults: Sequence[Mutant], event: int, views: Sequence[Answers], compiled: Compiled
    ) -> None:
        """Add what the *faults* of *rule* say of one event, whose views have these answers."""
        fires = any(answers.fires for answers in views)
        decisive = [{node.number: node for node in answers.decisive()} for answers in views]
        for number, fault in enumerate(faults):
            says = any(
                answers.fires
                is not (fault.number in deciding and _differs(fault, deciding[fault.number], answers, compiled))
                for answers, deciding in zip(views, decisive, strict=True)
            )
            if says is not fires:
                self.events.setdefault((rule, number), {})[event] = says


def _differs(fault: Mutant, node: Node, answers: Answers, compiled: Compiled) -> bool:
    """Return whether the changed part, which is *node*, has another answer."""
    answer = answers.values[node.number]
    if fault.ask is not None:
        changed = compiled.answer(fault.ask, answers.view)
        return changed is not None and changed is not answer
    return not fault.joins or combined(fault.joins, [answers.values[item.number] for item in node.items]) is not answer
