"""A rule's condition as parts that can be evaluated one by one: which are true, and which of them decide.

A part *decides* for an event if the rule's answer would be the other one with the part's other answer (masking MC/DC).
Each place in the condition counts by itself, also where a macro is used twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from falcohost.engine.code.module import compile_condition
from falcohost.engine.ir import Expr
from falcohost.lang.tree import AndNode, NotNode
from falcohost.rules.outline import Outline
from falcohost.ruletests.looked_up import LookedUp

#: Says whether a check is true for an event.
Ask: TypeAlias = Callable[[Any], bool]


class Compiled:
    """Compiles checks, each once, and remembers their answers for one view of an event."""

    def __init__(self) -> None:
        self._asks: dict[Expr, Ask] = {}
        self._view: object = None
        self._known: dict[Ask, bool | None] = {}

    def ask(self, expr: Expr) -> Ask:
        """Return the function that evaluates *expr*."""
        found = self._asks.get(expr)
        if found is None:
            found = self._asks[expr] = compile_condition(expr)
        return found

    def answer(self, ask: Ask, view: object) -> bool | None:
        """Return what *ask* says of *view*; None if a value cannot be known."""
        if view is not self._view:
            self._view, self._known = view, {}
        if ask not in self._known:
            try:
                self._known[ask] = bool(ask(view))
            except Exception:  # a plugin's getter; the rule itself counts as failed elsewhere
                self._known[ask] = None
        return self._known[ask]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition.

    :ivar kind: ``check``, ``and``, ``or`` or ``not``.
    :ivar number: its place among all parts, in reading order.
    :ivar part: the part of the outline.
    """

    kind: str
    number: int
    items: tuple[Node, ...]
    part: Outline
    ask: Ask | None


class Condition:
    """The condition of a rule in parts.

    :ivar nodes: all parts, by number; *checks*: those without parts.
    """

    def __init__(self, outline: Outline, compiled: Compiled, offline: LookedUp) -> None:
        self._compiled, self._offline = compiled, offline
        self.nodes: list[Node] = []
        self._numbers = itertools.count()
        self.root = self._node(outline)
        self.nodes.sort(key=lambda node: node.number)
        self._above = {item.number: node for node in self.nodes for item in node.items}
        self.checks = [node for node in self.nodes if node.kind == "check"]

    def _node(self, part: Outline) -> Node:
        number = next(self._numbers)
        items = tuple(self._node(item) for item in part.items)
        if not part.items:
            node = Node("check", number, (), part, self.ask(part.expr))
        else:
            kind = "not" if isinstance(part.node, NotNode) else "and" if isinstance(part.node, AndNode) else "or"
            node = Node(kind, number, items, part, None)
        self.nodes.append(node)
        return node

    def above(self, node: Node) -> Iterator[tuple[Node, Node]]:
        """Yield the parts that *node* is in, from the inside, each with its item on the way to *node*."""
        while (over := self._above.get(node.number)) is not None:
            yield over, node
            node = over

    def ask(self, expr: Expr) -> Ask:
        """Return what evaluates a check of the condition, or another one in its place."""
        return self._compiled.ask(self._offline.condition(expr))

    def answers(self, view: object) -> Answers | None:
        """Evaluate every part for *view*, whether or not an earlier one decides; None if one cannot be known."""
        values: list[bool] = [False] * len(self.nodes)
        return Answers(self, values, view) if self._evaluate(self.root, view, values) is not None else None

    def _evaluate(self, node: Node, view: object, values: list[bool]) -> bool | None:
        if node.ask is not None:
            answer = self._compiled.answer(node.ask, view)
        else:
            found = [self._evaluate(item, view, values) for item in node.items]
            answer = None if None in found else combined(node.kind, found)
        if answer is not None:
            values[node.number] = answer
        return answer


def combined(kind: str, answers: Sequence[bool | None]) -> bool:
    """Return the answer of a part of this *kind*, whose parts have these *answers*."""
    if kind == "not":
        return not answers[0]
    return all(answers) if kind == "and" else any(answers)


class Answers:
    """The answers of all parts of a condition for one *view* of an event: *values*, by number."""

    __slots__ = ("_condition", "values", "view")

    def __init__(self, condition: Condition, values: Sequence[bool], view: object) -> None:
        self._condition = condition
        self.values = values
        self.view = view

    @property
    def fires(self) -> bool:
        """Whether the whole condition is true."""
        return self.values[0]

    def decisive(self) -> Iterator[Node]:
        """Yield the parts that decide."""
        pending = [self._condition.root]
        while pending:
            node = pending.pop()
            yield node
            if node.kind in ("and", "or"):
                dull = node.kind == "and"  # the answer of a part that leaves the decision to the others
                others = [item for item in node.items if self.values[item.number] is not dull]
                pending += node.items if not others else others if len(others) == 1 else ()
            else:
                pending += node.items


Conditions: TypeAlias = Mapping[str, Condition]
