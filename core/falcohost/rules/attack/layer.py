"""Writes the coverage as a layer of the ATT&CK Navigator, in version 4.5 of its format.

https://github.com/mitre-attack/attack-navigator/blob/master/layers/LAYERFORMATv4_5.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falcohost.rules.attack.coverage import Attack, Coverage
from falcohost.rules.attack.techniques import DOMAIN, VERSION

#: The layer's format, and the oldest Navigator that reads it.
FORMAT, NAVIGATOR = "4.5", "4.9.0"

#: Colours for one rule, and for five or more; for a gap; and for what cannot be shown.
_FEW, _MANY, _GAP, _GREY = "#c7e9c0", "#238b45", "#fdd0a2", "#d9d9d9"
_MOST = 5


def layer(found: Attack, platforms: frozenset[str], version: str) -> dict[str, Any]:
    """Return the layer: a technique's score is its number of rules; *version* is falcohost's."""
    return {
        "name": "falcohost",
        "versions": {"attack": VERSION, "navigator": NAVIGATOR, "layer": FORMAT},
        "domain": DOMAIN,
        "description": f"Techniques that the rules of falcohost {version} are for, by their tags.",
        "filters": {"platforms": sorted(platforms)},
        "layout": {
            "layout": "side",
            "showID": True,
            "showName": True,
            "showAggregateScores": True,
            "countUnscored": False,
            "aggregateFunction": "sum",
            "expandedSubtechniques": "none",
        },
        "hideDisabled": False,
        "techniques": [_technique(one) for one in found.techniques if one.technique.platforms & platforms],
        "gradient": {"colors": [_FEW, _MANY], "minValue": 1, "maxValue": _MOST},
        "legendItems": [
            {"label": "one rule", "color": _FEW},
            {"label": f"{_MOST} rules or more", "color": _MANY},
            {"label": "no rule", "color": _GAP},
            {"label": "these sources do not show it", "color": _GREY},
        ],
        "selectTechniquesAcrossTactics": True,
        "selectSubtechniquesWithParent": False,
    }


def _technique(one: Coverage) -> dict[str, Any]:
    data: dict[str, Any] = {"techniqueID": one.technique.number}
    if one.rules:
        return data | {
            "score": len(one.rules),
            "comment": "\n".join(one.rules),
            "metadata": list(_metadata(one)),
        }
    if one.parts:
        return data | {"comment": f"{one.parts} rules for its parts"}
    if one.why_not:
        return data | {"enabled": False, "color": _GREY, "comment": f"not shown: {one.why_not}"}
    return data | {"color": _GAP, "comment": "no rule"}


def _metadata(one: Coverage) -> Iterator[dict[str, str]]:
    for rule in one.rules:
        yield {"name": "rule", "value": rule}
