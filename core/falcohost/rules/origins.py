"""Finds where a node of an expanded condition was written, through macros and lists.

Nodes are found by the identity of their positions: the parser makes one object for each node, and macros share their
trees. This runs only if there is an error or a warning to report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from falcohost.lang.depth import children
from falcohost.lang.tree import CheckNode, IdentifierNode, Node, Pos
from falcohost.rules.definitions import ListDef, MacroDef
from falcohost.rules.lists import ListExpansion
from falcohost.rules.places import in_bytes
from falcohost.rules.results import Spot
from falcohost.rules.texts import SourceText


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed condition: the source of its text, the text with lists expanded, and its tree."""

    source: SourceText
    expansion: ListExpansion
    tree: Node


class Origins:
    """Finds the places of nodes.

    :param parsed: the conditions of the macros that could be parsed.
    """

    def __init__(self, macros: Mapping[str, MacroDef], lists: Mapping[str, ListDef], parsed: dict[str, Parsed]) -> None:
        self._macros = macros
        self._lists = lists
        self.parsed = parsed

    def find(self, condition: Parsed, pos: Pos) -> tuple[Spot | None, tuple[str, ...]]:
        """Return where *pos*, in *condition* or in one of its macros, was written, and the way there.

        The way is described from the inside out, one line for each step.
        """
        path = self._path(condition, pos, [])
        owner = self._owner(condition, path)
        spot, via = self.spot_in_text(owner.source, owner.expansion, pos.offset)
        return spot, (*via, *(self._told("macro", name) for name in reversed(path or ())))

    def in_bytes(self, condition: Parsed, pos: Pos) -> Pos:
        """Return *pos*, in *condition* or in one of its macros, as an offset in bytes in its own text."""
        return in_bytes(self._owner(condition, self._path(condition, pos, [])).expansion.text, pos)

    def _owner(self, condition: Parsed, path: list[str] | None) -> Parsed:
        return self.parsed[path[-1]] if path else condition

    def spot_in_text(
        self, source: SourceText, expansion: ListExpansion, offset: int
    ) -> tuple[Spot | None, tuple[str, ...]]:
        """Return where the character at *offset* of the expanded text was written, and the list that inserted it."""
        offset, name = expansion.origin(offset)
        return source.locate(offset), (self._told("list", name),) if name else ()

    def _path(self, condition: Parsed, pos: Pos, seen: list[str]) -> list[str] | None:
        """Return the macros that lead to *pos*: empty if it is in *condition* itself, None if it is not found."""
        names = []
        for node in _walk(condition.tree):
            if getattr(node, "pos", None) is pos:
                return []
            if isinstance(node, IdentifierNode):
                names.append(node.name)
        for name in names:
            if name in seen or name not in self.parsed:
                continue
            seen.append(name)
            path = self._path(self.parsed[name], pos, seen)
            if path is not None:
                return [name, *path]
        return None

    def _told(self, kind: str, name: str) -> str:
        defined = self._lists if kind == "list" else self._macros
        context = defined[name].context
        place = context.locations[-1].place
        return f"in {kind} '{name}' ({context.file.name}:{place.line + 1}:{place.column + 1})"


def enclosing_check(tree: Node, pos: Pos) -> Pos:
    """Return the position of the check that contains *pos*; *pos* itself if there is none."""
    for node in _walk(tree):
        if isinstance(node, CheckNode) and any(getattr(inner, "pos", None) is pos for inner in _walk(node)):
            return node.pos
    return pos


def _walk(node: object) -> Iterator[object]:
    todo = [node]
    while todo:
        found = todo.pop()
        yield found
        todo.extend(reversed(children(found)))
