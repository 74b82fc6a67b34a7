"""Writes the output of ``falcohost rules stats --json``: the same as the text, with nothing left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost.cli.rules_stream import StreamOutcome
from falcohost.rules.statistics import SourceStatistics, Statistics
from falcohost.rules.statistics_events import StreamCosts
from falcohost.store.verdicts import Judged


def statistics_json(found: Statistics, outcome: StreamOutcome | None, judged: Mapping[str, Judged]) -> dict[str, Any]:
    """Return the JSON object for all rules; it has ``events`` if events were given, and ``verdicts`` if there are."""
    data: dict[str, Any] = {
        "sources": {one.source: _source(one) for one in found.sources},
        "unused": [{"kind": one.kind, "name": one.name, "file": one.file, "line": one.line} for one in found.unused],
    }
    if outcome is not None:
        data["events"] = {
            "unknown_fields_counted_as_absent": outcome.partial,
            "left_out": dict(outcome.left_out),
            "sources": {source: _costs(costs) for source, costs in outcome.costs.items()},
        }
    if judged:
        data["verdicts"] = {
            rule: {"true": one.true, "false": one.false, "benign": one.benign, "false_share": round(one.share, 4)}
            for rule, one in judged.items()
        }
    return data


def _source(one: SourceStatistics) -> dict[str, Any]:
    return {
        "enabled": len(one.enabled),
        "disabled": one.disabled,
        "rules_by_event_type": dict(one.by_type),
        "rules_of_any_event_type": one.of_any_type,
        "without_witness": [
            {"rule": found.rule.name, "event_types": None if found.types is None else list(found.types)}
            for found in one.without_witness
        ],
        "shadowed": [{"rule": found.rule.name, "by": found.by.name} for found in one.shadowed],
        "never_match": [rule.name for rule, _ in one.never],
        "never_match_why": {rule.name: why for rule, why in one.never},
        "costly": {rule.name: why for rule, why in one.costly},
    }


def _costs(costs: StreamCosts) -> dict[str, Any]:
    return {
        "events": costs.events,
        "matching": costs.matching,
        "candidates": costs.candidates,
        "most_candidates_of_one_event": costs.most,
        "rules": [
            {
                "rule": cost.rule.name,
                "asked": cost.asked,
                "matches": cost.matches,
                "first": cost.reported,
                "median_ns": cost.median,
                "total_ns": cost.total,
            }
            for cost in costs.costs.values()
        ],
    }
