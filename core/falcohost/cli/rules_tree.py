"""Prints a condition as a tree of lines; with an event, each line has its answer and the values behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import click

from falcohost.cli.rules_lines import FAINT, NAME, PLAIN, STRONG, Span, lines, width
from falcohost.engine.condition_values import MOST_VALUE
from falcohost.engine.explain.trace import UNKNOWN, LeftOut, Traced
from falcohost.engine.ir import FieldRef, Operand
from falcohost.engine.lookup_fields import LookupField
from falcohost.engine.render import text_renderer
from falcohost.engine.shown import shown_operand
from falcohost.lang.printer import operand_to_text
from falcohost.lang.quoting import quote
from falcohost.lang.tree import AndNode, CheckNode, IdentifierNode, NotNode
from falcohost.rules.outline import Constants, Outline

_ANSWERS: Mapping[bool | None, tuple[str, Mapping[str, Any]]] = {
    True: ("true", {"fg": "green"}),
    False: ("false", {"fg": "red"}),
    None: ("unknown", {"fg": "yellow"}),
}
_NOT_ASKED = "skipped"
_COLUMN = len(_NOT_ASKED) + 2

#: The margins of the first line and of the lines that follow it.
_Margins: TypeAlias = tuple[str, str]

#: Most characters of one list, and of one value, without ``--full``.
_LIST_LIMIT, _VALUE_LIMIT = 120, 300


def tree(part: Outline, traced: Traced | None, full: bool) -> Iterator[str]:
    """Yield the lines of *part*; *traced* is its result for an event, if there is one; *full*: leave nothing out."""
    yield from _part(part, traced, full, 0)


def check_spans(part: Outline, full: bool) -> list[Span]:
    """Return the check *part* in the rule language, with the names of the lists that its constants come from."""
    node = part.node
    assert isinstance(node, CheckNode)
    spans: list[Span] = [(_left(part), PLAIN)]
    if part.constants:
        groups = (((", ", PLAIN), *_constants(group, full)) for group in part.constants)
        return [*spans, (" (", PLAIN), *[span for group in groups for span in group][1:], (")", PLAIN)]
    if node.right is not None:
        right = node.right.name if isinstance(node.right, IdentifierNode) else operand_to_text(node.right)
        spans += [(" ", PLAIN), (right, PLAIN)]
    return spans


def value_spans(traced: Traced) -> list[Span]:
    """Return the values that a check read."""
    style = _ANSWERS[traced.answer][1] if traced.asked else FAINT
    values = [pair for pair in traced.values if traced.answer is None or pair[1] is not UNKNOWN]
    told = ", ".join(f"{shown_operand(operand)}: {value_text(operand, value)}" for operand, value in values)
    names = ", ".join(shown_operand(operand) for operand, _ in traced.values)
    return [(f"[{told or f'whatever {names} is'}]", style)]


def value_text(operand: Operand, value: object) -> str:
    """Return *value* of *operand* as a rule would write it; an absent value is ``absent``."""
    if value is UNKNOWN:
        of_row = isinstance(operand, FieldRef) and isinstance(operand.field, LookupField)
        return "unknown, since only the agent looks it up" if of_row else "unknown"
    if isinstance(value, LeftOut):
        if value.size:
            return f"{value.size:,} bytes, which the alert does not keep: at most {MOST_VALUE:,} of a value"
        return "not known in full, so the alert does not keep it"
    if value is None or value == ():
        return "absent"
    text = text_renderer(operand)(value)
    text = text if len(text) <= _VALUE_LIMIT else f"{text[:_VALUE_LIMIT]}…"
    return (quote(text) or '""') if isinstance(value, str) else text


def answer_span(answer: bool | None) -> Span:
    """Return the word for *answer* and its colour."""
    return _ANSWERS[answer]


def _part(part: Outline, traced: Traced | None, full: bool, depth: int) -> Iterator[str]:
    """Yield the lines of *part*; ``not`` shares the line of what it negates, with the answer of the negation."""
    answered, before = traced, _names(part)
    while isinstance(part.node, NotNode):
        (part,) = part.items
        traced = traced.items[0] if traced is not None else None
        before += [("not ", STRONG), *_names(part)]
    yield from _line(part, traced, full, depth, before, answered)


def _names(part: Outline) -> list[Span]:
    return [(f"{origin.name}: ", NAME) for origin in part.origins]


def _line(
    part: Outline, traced: Traced | None, full: bool, depth: int, before: list[Span], answered: Traced | None
) -> Iterator[str]:
    margins = _margins(answered, depth)
    if not part.items:
        values = value_spans(traced) if traced is not None else []
        yield from _check_lines(part, before, values, full, margins)
        return
    spans = [*before, ("all of" if isinstance(part.node, AndNode) else "any of", STRONG)]
    hidden = answered is not None and not answered.asked and not full
    if hidden:
        spans.append((f" {_count(part)} checks", FAINT))
    yield from lines(spans, *margins)
    if hidden:
        return
    for number, item in enumerate(part.items):
        yield from _part(item, traced.items[number] if traced is not None else None, full, depth + 1)


def _check_lines(part: Outline, before: list[Span], values: list[Span], full: bool, margins: _Margins) -> Iterator[str]:
    """Yield a check, with its values on the same line if they fit, else below."""
    first, later = margins
    if len(part.constants) > 1 and any(group.origin for group in part.constants):
        found = list(_long_check(part, before, full, margins))
    else:
        found = list(lines([*before, *check_spans(part, full)], first, later))
    if values and len(click.unstyle(found[-1])) + 2 + len(values[0][0]) <= width():
        found[-1] += "  " + click.style(values[0][0], **values[0][1])
    elif values:
        found += lines(values, later, later)
    yield from found


def _long_check(part: Outline, before: list[Span], full: bool, margins: _Margins) -> Iterator[str]:
    """Yield a check with constants from several lists, each list on its own lines."""
    first, later = margins
    yield from lines([*before, (f"{_left(part)} (", PLAIN)], first, later)
    for number, group in enumerate(part.constants, 1):
        end = ")" if number == len(part.constants) else ","
        yield from lines([*_constants(group, full), (end, PLAIN)], later, f"{later}  ")


def _margins(answered: Traced | None, depth: int) -> _Margins:
    """Return the margins of a part's first line and of its other lines."""
    guide = click.style("│ " * depth, dim=True) if depth else ""
    if answered is None:
        return f"  {guide}", f"  {guide}    "
    word, style = _ANSWERS[answered.answer] if answered.asked else (_NOT_ASKED, FAINT)
    return f"  {click.style(f'{word:<{_COLUMN}}', **style)}{guide}", f"  {'':<{_COLUMN}}{guide}    "


def _count(part: Outline) -> int:
    return sum(map(_count, part.items)) if part.items else 1


def _left(part: Outline) -> str:
    """Return a check without its right side."""
    node = part.node
    assert isinstance(node, CheckNode)
    return " ".join([operand_to_text(node.left), node.op, *([node.modifier] if node.modifier else [])])


def _constants(group: Constants, full: bool) -> list[Span]:
    name: list[Span] = [] if group.origin is None else [(f"{group.origin.name}: ", NAME)]
    return [*name, (", ".join(_shown(group.items, full)), PLAIN)]


def _shown(items: tuple[str, ...], full: bool) -> Iterator[str]:
    """Yield *items*; without *full*, only the first few lines of them and the number of the rest."""
    used = 0
    for number, item in enumerate(items):
        used += len(item) + 2
        if used > _LIST_LIMIT and not full and len(items) - number > 1:
            yield f"… {len(items) - number} more"
            return
        yield item
