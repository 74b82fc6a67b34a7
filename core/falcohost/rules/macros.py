"""Macros in a condition's tree: each name is replaced by the tree of the macro it names.

Trees are shared, not copied, so that what a node's place refers to can be found again (:mod:`falcohost.rules.origins`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from falcohost.lang.depth import MAX_DEPTH
from falcohost.lang.tree import AndNode, CheckNode, IdentifierNode, Node, NotNode, OrNode, Pos

#: Checks that a condition may have, macros expanded; it bounds time where macros blow each other up.
MAX_CHECKS = 100_000


#: Returns the tree of the macro of a name, or None if there is none that may be used here.
Lookup: TypeAlias = Callable[[str], Node | None]


@dataclass(frozen=True, slots=True)
class Measure:
    """How many checks a tree has, and how deep it is."""

    checks: int
    depth: int


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A name that could not be replaced, at *pos*. *message* is what is to be said; None: there is no such macro."""

    name: str
    pos: Pos
    message: str | None = None


@dataclass(slots=True)
class Expansion:
    """A tree without macros.

    :ivar used: names of the macros that were put in.
    :ivar unresolved: what could not be replaced, loops first.
    :ivar found: what was found under each name that was looked up.
    """

    tree: Node
    measure: Measure
    used: set[str] = field(default_factory=set)
    unresolved: list[Unresolved] = field(default_factory=list)
    found: dict[str, Node | None] = field(default_factory=dict)

    def is_current(self, lookup: Lookup) -> bool:
        """Return whether *lookup* still finds what was found."""
        return all(lookup(name) is tree for name, tree in self.found.items())

    @property
    def too_big(self) -> str | None:
        """Return what is too much about the tree, or None."""
        if self.measure.depth > MAX_DEPTH:
            return f"exceeded max depth limit of {MAX_DEPTH}"
        if self.measure.checks > MAX_CHECKS:
            return f"condition has more than {MAX_CHECKS} checks once its macros are expanded"
        return None


def expand_macros(tree: Node, lookup: Lookup) -> Expansion:
    """Return *tree* with every macro that *lookup* finds in the place of its name."""
    expander = _Expander(lookup)
    expanded, measure = expander.expand(tree)
    unresolved = sorted(expander.unresolved, key=lambda found: found.message is None)
    return Expansion(expanded, measure, expander.used, unresolved, expander.found)


class _Expander:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._done: dict[str, tuple[Node, Measure]] = {}
        self._path: list[str] = []
        self.used: set[str] = set()
        self.unresolved: list[Unresolved] = []
        self.found: dict[str, Node | None] = {}

    def expand(self, node: Node) -> tuple[Node, Measure]:
        match node:
            case CheckNode():
                return node, Measure(1, 1)
            case IdentifierNode():
                return self._macro(node)
            case NotNode():
                item, measure = self.expand(node.item)
                changed = node if item is node.item else replace(node, item=item)
                return changed, Measure(measure.checks, measure.depth + 1)
            case AndNode() | OrNode():
                return self._items(node)

    def _items(self, node: AndNode | OrNode) -> tuple[Node, Measure]:
        found = [self.expand(item) for item in node.items]
        measure = Measure(sum(m.checks for _, m in found), 1 + max(m.depth for _, m in found))
        items = tuple(item for item, _ in found)
        if all(new is old for new, old in zip(items, node.items, strict=True)):
            return node, measure
        return replace(node, items=items), measure

    def _macro(self, node: IdentifierNode) -> tuple[Node, Measure]:
        name = node.name
        if name in self._done:
            return self._done[name]
        body = self._lookup(name)
        self.found[name] = body
        if body is None:
            self.unresolved.append(Unresolved(name, node.pos))
            return node, Measure(1, 1)
        if name in self._path:
            self.unresolved.append(Unresolved(name, node.pos, f"reference loop in macro '{name}'"))
            return node, Measure(1, 1)
        if len(self._path) >= MAX_DEPTH:
            return node, Measure(1, MAX_DEPTH + 1)
        self._path.append(name)
        found = self.expand(body)
        self._path.pop()
        self.used.add(name)
        self._done[name] = found
        return found
