"""Expands macros in a condition's tree: replaces each name by the tree of its macro.

Trees are shared, not copied, so that :mod:`falcohost.rules.origins` can find where a node was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from falcohost.lang.depth import MAX_DEPTH
from falcohost.lang.tree import AndNode, CheckNode, IdentifierNode, Node, NotNode, OrNode, Pos

#: The most checks in a condition with macros expanded; it limits the time when nested macros multiply.
MAX_CHECKS = 100_000


#: Returns the tree of the named macro, or None if there is none that may be used here.
Lookup: TypeAlias = Callable[[str], Node | None]


class TreeSize(Struct, frozen=True):
    """How many checks a tree has, and how deep it is."""

    checks: int
    depth: int


_ONE = TreeSize(1, 1)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A name at *pos* that could not be replaced. *message* says why; None: there is no such macro."""

    name: str
    pos: Pos
    message: str | None = None


@dataclass(slots=True)
class MacroExpansion:
    """A tree without macros.

    :ivar used: names of the macros that were expanded.
    :ivar unresolved: the names that could not be replaced, loops first.
    :ivar found: the result of each lookup, by name.
    """

    tree: Node
    measure: TreeSize
    used: set[str] = field(default_factory=set)
    unresolved: list[Unresolved] = field(default_factory=list)
    found: dict[str, Node | None] = field(default_factory=dict)

    def is_current(self, lookup: Lookup) -> bool:
        """Return whether *lookup* still finds the same."""
        return all(lookup(name) is tree for name, tree in self.found.items())

    @property
    def too_big(self) -> str | None:
        """Return the message that the tree is too big, or None if it is not."""
        if self.measure.depth > MAX_DEPTH:
            return f"exceeded max depth limit of {MAX_DEPTH}"
        if self.measure.checks > MAX_CHECKS:
            return f"condition has more than {MAX_CHECKS} checks once its macros are expanded"
        return None


def expand_macros(tree: Node, lookup: Lookup) -> MacroExpansion:
    """Return *tree* with the name of every macro that *lookup* finds replaced by its tree."""
    expander = _Expander(lookup)
    expanded, measure = expander.expand(tree)
    unresolved = sorted(expander.unresolved, key=lambda found: found.message is None)
    return MacroExpansion(expanded, measure, expander.used, unresolved, expander.found)


class _Expander:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._done: dict[str, tuple[Node, TreeSize]] = {}
        self._path: list[str] = []
        self.used: set[str] = set()
        self.unresolved: list[Unresolved] = []
        self.found: dict[str, Node | None] = {}

    def expand(self, node: Node) -> tuple[Node, TreeSize]:
        match node:
            case CheckNode():
                return node, _ONE
            case IdentifierNode():
                return self._macro(node)
            case NotNode():
                item, measure = self.expand(node.item)
                changed = node if item is node.item else replace(node, item=item)
                return changed, TreeSize(measure.checks, measure.depth + 1)
            case AndNode() | OrNode():
                return self._items(node)

    def _items(self, node: AndNode | OrNode) -> tuple[Node, TreeSize]:
        found = [self.expand(item) for item in node.items]
        measure = TreeSize(sum(m.checks for _, m in found), 1 + max(m.depth for _, m in found))
        items = tuple(item for item, _ in found)
        if all(new is old for new, old in zip(items, node.items, strict=True)):
            return node, measure
        return replace(node, items=items), measure

    def _macro(self, node: IdentifierNode) -> tuple[Node, TreeSize]:
        name = node.name
        if name in self._done:
            return self._done[name]
        body = self._lookup(name)
        self.found[name] = body
        if body is None:
            self.unresolved.append(Unresolved(name, node.pos))
            return node, _ONE
        if name in self._path:
            self.unresolved.append(Unresolved(name, node.pos, f"reference loop in macro '{name}'"))
            return node, _ONE
        if len(self._path) >= MAX_DEPTH:
            return node, TreeSize(1, MAX_DEPTH + 1)
        self._path.append(name)
        found = self.expand(body)
        self._path.pop()
        self.used.add(name)
        self._done[name] = found
        return found
