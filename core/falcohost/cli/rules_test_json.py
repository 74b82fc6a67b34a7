"""Writes the output of ``falcohost rules test --json``."""

from __future__ import annotations

import json
from typing import Any

from falcohost.cli.rules_test_run import Asked, Group, Outcome
from falcohost.cli.rules_test_text import word_of
from falcohost.lang.printer import to_text
from falcohost.ruletests.coverage import DECIDED_FALSE, DECIDED_TRUE, WAS_FALSE, WAS_TRUE, Share

_SEEN = {"true": WAS_TRUE, "false": WAS_FALSE, "decided_true": DECIDED_TRUE, "decided_false": DECIDED_FALSE}


def outcome_json(outcome: Outcome, asked: Asked) -> str:
    """Return the JSON object: ``tests``, and ``coverage`` and ``mutation`` if asked for."""
    data: dict[str, Any] = {
        "tests": [
            {
                "name": verdict.name,
                "file": verdict.file,
                "result": word_of(verdict),
                "seconds": round(verdict.seconds, 4),
                "fired": sorted({name for names in verdict.fired for name in names}),
                "differences": [
                    {"said": one.said, "rule": one.rule or None, "event": one.event, "where": one.where}
                    for one in verdict.differences
                ],
            }
            for verdict in outcome.verdicts
        ],
        "seconds": round(outcome.seconds, 3),
        "status": outcome.status,
    }
    if asked.coverage or asked.fail_under is not None:
        data["coverage"] = {**_share(outcome.covered()), "rules": [*_covered(outcome)]}
    if asked.mutate:
        data["mutation"] = [one for group in outcome.groups for one in _mutation(group)]
    return json.dumps(data, indent=2)


def _share(share: Share) -> dict[str, int]:
    return {"percent": share.percent, "decided": share.decided, "of": share.of}


def _covered(outcome: Outcome) -> Any:
    for group in outcome.groups:
        assert group.probes is not None
        for name, share in group.shares().items():
            condition = group.probes.conditions[name]
            seen = group.probes.coverage.seen.get(name) or [0] * len(condition.nodes)
            never: dict[int, list[bool]] = {}
            for node, answer in group.probes.never(name):
                never.setdefault(node.number, []).append(answer)
            checks = [
                {
                    "check": to_text(node.part.node),
                    **{key: bool(seen[node.number] & bit) for key, bit in _SEEN.items()},
                    **({"cannot_decide": never[node.number]} if node.number in never else {}),
                }
                for node in condition.checks
            ]
            yield {"rule": name, **_share(share), "checks": checks}


def _mutation(group: Group) -> Any:
    assert group.probes is not None
    killed = group.killed()
    for name, (faults, count) in group.probes.faults.items():
        alive = [fault.change for number, fault in enumerate(faults) if (name, number) not in killed]
        yield {"rule": name, "tried": len(faults), "possible": count, "survived": alive}
