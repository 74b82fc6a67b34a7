"""Outlines a rule's whole condition, with the macro, list or exception that each part of it comes from.

The compiler expands macros and lists and does not keep their names. This expands them once more for one rule, from the
compiler's results, and keeps the names; it runs only for commands that show the condition to people.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from falcohost.engine.catalog import Catalog
from falcohost.engine.ir import And, Expr, Not, Or
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost.lang.quoting import quote
from falcohost.lang.tree import AndNode, CheckNode, IdentifierNode, ListNode, Node, NotNode, OrNode, ValueNode
from falcohost.rules.definitions import MacroDef, RuleDef
from falcohost.rules.exceptions import with_exceptions
from falcohost.rules.lists import ListExpander, ListExpansion
from falcohost.rules.loader import LoadOutcome
from falcohost.rules.places import Context
from falcohost.rules.results import Spot
from falcohost.rules.texts import Scalar, SourceText


@dataclass(frozen=True, slots=True)
class ItemOrigin:
    """A macro, a list, an exception or a rule, and where it was first defined; *line* counts from 1."""

    kind: str
    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants on the right of a check, as rules write them, and the list that they come from."""

    origin: ItemOrigin | None
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutlinedText:
    """The text of a condition, or of a macro: as written, and with its lists expanded; *item*: whose it is."""

    item: RuleDef | MacroDef
    source: SourceText
    expansion: ListExpansion


@dataclass(frozen=True, slots=True)
class Outline:
    """A part of a condition.

    :ivar expr: its IR, nested as it was written.
    :ivar text: the text that it is a part of: that of the rule, or of a macro.
    :ivar origins: the exception or the macros whose whole condition this part is, outermost first.
    :ivar constants: the items of a check's list; empty if there is none.
    """

    node: Node
    expr: Expr
    text: OutlinedText
    items: tuple[Outline, ...] = ()
    origins: tuple[ItemOrigin, ...] = ()
    constants: tuple[Constants, ...] = ()

    @property
    def spot(self) -> Spot | None:
        """Return where it was written."""
        offset, _ = self.text.expansion.origin(self.node.pos.offset)
        return self.text.source.locate(offset)


@dataclass(frozen=True, slots=True)
class Written:
    """Lines of a rules file."""

    file: str
    line: int
    text: str


def outline(rule: RuleDef, outcome: LoadOutcome, catalog: Catalog) -> Outline:
    """Return the outline of the condition of *rule*, with its exceptions; the rule has to be free of errors."""
    return Outliner(outcome, catalog).rule(rule)


def written(rule: RuleDef) -> list[Written]:
    """Return the condition of *rule* as written in the files, one part for each item that contributed to it."""
    scalars = (piece.scalar for piece in rule.condition.pieces if piece.scalar is not None)
    return [Written(scalar.file.name, scalar.place.line + 1, _lines(scalar)) for scalar in dict.fromkeys(scalars)]


def origin(kind: str, name: str, context: Context) -> ItemOrigin:
    """Return the origin at the end of *context*."""
    return ItemOrigin(kind, name, context.file.name, context.locations[-1].place.line + 1)


def origins(part: Outline) -> Iterator[ItemOrigin]:
    """Yield all origins of *part*, in reading order."""
    yield from part.origins
    for constants in part.constants:
        if constants.origin is not None:
            yield constants.origin
    for item in part.items:
        yield from origins(item)


def _lines(scalar: Scalar) -> str:
    """Return the lines of *scalar* as they were written, without their common indentation."""
    text = scalar.file.text[scalar.node.start_mark.index : scalar.node.end_mark.index]
    if scalar.node.style in ("|", ">"):
        text = text.partition("\n")[2]
    return inspect.cleandoc(text)


class Outliner:
    """Outlines rules of one source; the outline of a macro is made once for all of them."""

    def __init__(self, outcome: LoadOutcome, catalog: Catalog) -> None:
        self._collector = outcome.collector
        self._lists = ListExpander(outcome.compiled.lists)
        self._catalog = catalog
        self._macros: dict[str, Outline] = {}

    def rule(self, rule: RuleDef) -> Outline:
        """Return the outline of the condition of *rule*, with its exceptions; the rule has to be free of errors."""
        condition, _ = with_exceptions(rule.condition, rule.exceptions)
        whole = self._outline(rule, condition)
        exceptions = [exception for exception in rule.exceptions if exception.values]
        if not exceptions:
            return whole
        first, *others = whole.items
        named = (
            replace(part, origins=(origin("exception", exception.name, exception.context),))
            for part, exception in zip(others, exceptions, strict=True)
        )
        return replace(whole, items=(first, *named))

    def _outline(self, item: RuleDef | MacroDef, source: SourceText) -> Outline:
        expansion = self._lists.expand(source.value)
        return self._part(parse(expansion.text), OutlinedText(item, source, expansion))

    def _part(self, node: Node, text: OutlinedText) -> Outline:
        match node:
            case IdentifierNode():
                return self._macro(node.name)
            case NotNode():
                item = self._part(node.item, text)
                return Outline(node, Not(item.expr), text, (item,))
            case AndNode() | OrNode():
                items = tuple(self._part(item, text) for item in node.items)
                kind = And if isinstance(node, AndNode) else Or
                return Outline(node, kind(tuple(item.expr for item in items)), text, items)
            case CheckNode():
                expr = check(node, self._catalog).expr
                return Outline(node, expr, text, constants=self._constants(node, text.expansion))

    def _macro(self, name: str) -> Outline:
        if name not in self._macros:
            macro = self._collector.macros[name]
            body = self._outline(macro, macro.condition)
            named = (origin("macro", name, macro.context), *body.origins)
            self._macros[name] = replace(body, origins=named)
        return self._macros[name]

    def _constants(self, node: CheckNode, expansion: ListExpansion) -> tuple[Constants, ...]:
        items = node.right.items if isinstance(node.right, ListNode) else ()
        values = [item for item in items if isinstance(item, ValueNode)]
        grouped = groupby(values, key=lambda item: expansion.origin(item.pos.offset)[1])
        return tuple(Constants(self._list(name), tuple(quote(item.text) for item in found)) for name, found in grouped)

    def _list(self, name: str | None) -> ItemOrigin | None:
        return None if name is None else origin("list", name, self._collector.lists[name].context)
