"""Writes the output of ``falcohost rules explain --json``: the same as the text, with nothing left out."""

from __future__ import annotations

from typing import Any

from falcohost.cli.rules_explanation import Asked, Explanation
from falcohost.engine.explain.trace import LeftOut, Traced, is_known
from falcohost.engine.render import json_value
from falcohost.engine.shown import shown, shown_operand
from falcohost.lang.printer import to_text
from falcohost.lang.tree import AndNode, NotNode
from falcohost.rules.outline import ItemOrigin, Outline


def explanation_json(found: Explanation, asked: Asked | None) -> dict[str, Any]:
    """Return the JSON object for one rule; it has ``event`` if the rule was evaluated for an event."""
    rule, what = found.rule, found.collected
    data: dict[str, Any] = {
        "rule": rule.name,
        "source": rule.source,
        "priority": rule.priority.label,
        "tags": list(rule.tags),
        "actions": {"names": list(found.actions), "idle": found.idle or None},
        "enabled": rule.enabled,
        "file": found.where.file,
        "line": found.where.line,
        "written": [{"file": part.file, "line": part.line, "text": part.text} for part in found.written],
        "expanded": shown(rule.condition),
        "names": [_origin(one) for one in found.origins],
        "witnesses": [
            {
                "event_types": None if one.types is None else list(one.types),
                "witness": None if one.own is None else str(one.own),
                "filed_under": None if one.among is None else str(one.among),
            }
            for one in found.filed
        ],
        "collected": {
            "event_types": None if what.types is None else list(what.types),
            "event_types_for_it_alone": list(what.alone),
            "condition_fields": list(what.asked),
            "output_fields": list(what.told),
            "pushed_down": [{"events": events, "what": told} for events, told in what.pushed],
        },
        "condition": _part(found.condition, None if asked is None else asked.traced),
    }
    if asked is not None:
        before = None if asked.before is None else asked.before.name
        checks = [{"check": to_text(part.node), **_answer(traced)} for part, traced in asked.checks]
        why = "unknown" if asked.traced.answer is None else "because"
        data["event"] = {"fires": asked.traced.answer, why: checks, "reported_instead": before}
    return data


def _part(part: Outline, traced: Traced | None) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if part.origins:
        data["names"] = [one.name for one in part.origins]
    if not part.items:
        data["check"] = to_text(part.node)
        lists = [{"list": one.origin and one.origin.name, "items": list(one.items)} for one in part.constants]
        data |= {"constants": lists} if any(one.origin for one in part.constants) else {}
    if traced is not None:
        data |= _answer(traced)
    if part.items:
        kind = "not" if isinstance(part.node, NotNode) else "and" if isinstance(part.node, AndNode) else "or"
        parts = traced.items if traced is not None else (None,) * len(part.items)
        data[kind] = [_part(item, found) for item, found in zip(part.items, parts, strict=True)]
    return data


def _answer(traced: Traced) -> dict[str, Any]:
    data: dict[str, Any] = {"answer": traced.answer, "asked": traced.asked}
    if not traced.items:
        data["values"] = {
            shown_operand(operand): {"known": True, "value": json_value(value)}
            if is_known(value)
            else {"known": False, **({"bytes": value.size} if isinstance(value, LeftOut) else {})}
            for operand, value in traced.values
        }
    return data


def _origin(one: ItemOrigin) -> dict[str, Any]:
    return {"kind": one.kind, "name": one.name, "file": one.file, "line": one.line}
