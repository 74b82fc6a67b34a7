"""Writes docs/detection.md: what the shipped rules find among labelled records, and the reason of each error.

The reasons are in detection_reasons.py; tests/test_detection_page.py compares the page with the rules.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import yaml
from detection import CORPUS, LOGS, Case, rules_of, techniques, verdicts
from detection_breadth import BREADTH
from detection_reasons import MISSES, RIGHT, WRONG

from falcohost.host.plugins import load_plugins
from falcohost.rules.profiles import PROFILES

PAGE = Path(__file__).resolve().parent.parent / "docs/detection.md"
HEAD = """# What the shipped rules find in audit logs

`script/bench detection_page` writes this page, and a test compares it with the rules. The records are from public
collections: the test cases of a vendor's rules, each labelled suspicious or harmless, and records of attacks that were
carried out in an AWS account. They are not part of the repository. Measured is the default profile;
`script/bench detection --profile wide` measures another one.

A label says whether one rule of that vendor has to fire, not whether the event matters. Where another rule is right to
fire on a harmless event, this page says why. "With an alert" counts all alerts on harmless events, "wrong" those
without such a reason. Recall "of events" leaves out what is no event of the log: eight of Okta's records are rows that
a query in a data lake wrote, with averages and deviations of many events.
"""
_FIGURES = """
| log | suspicious | found | recall | harmless | with an alert | share | wrong | share |
|---|---|---|---|---|---|---|---|---|"""

#: By log the tests whose names are those of techniques.
TECHNIQUES = {
    "cloudtrail": PAGE.parent.parent / "plugins/cloudtrail/tests/rule_tests/techniques_test.yaml",
    "kubernetes": PAGE.parent.parent / "plugins/k8saudit/tests/rule_tests/techniques_test.yaml",
}

Results: TypeAlias = Sequence[tuple[Case, list[str]]]


def page() -> str:
    """Return the text of the page.

    :raises ValueError: an error has no reason in detection_reasons.py, or a reason there is of no error.
    """
    results = {log: verdicts(log, public=False, profile="default") for log in LOGS}
    _complain(results)
    lines = [HEAD + _FIGURES, *(figures(log, found) for log, found in results.items())]
    for log, found in results.items():
        lines += ["", f"## {log}", *breadth(log), *by_technique(log, found), *errors(log, found)]
    return "\n".join([*lines, "", *recorded(), "", *listed()]) + "\n"


def figures(log: str, results: Results) -> str:
    """Return the row of *log* in the table of figures; records that are no event of the log are named behind it."""
    bad = [(case, names) for case, names in results if case.suspicious]
    good = [(case, names) for case, names in results if not case.suspicious]
    found, alerts = sum(bool(names) for _, names in bad), sum(bool(names) for _, names in good)
    wrong = sum(case.name in WRONG for case, names in good if names)
    odd = sum(case.name in MISSES and not MISSES[case.name].event for case, names in bad if not names)
    recall = f"{found / len(bad):.3f}" + (f" (of events {found / (len(bad) - odd):.3f})" if odd else "")
    harmless = f"{len(good)} | {alerts} | {alerts / len(good):.3f} | {wrong} | {wrong / len(good):.3f}"
    return f"| {log} | {len(bad)} | {found} | {recall} | {harmless} |"


def breadth(log: str) -> Iterator[str]:
    """Yield a table of *log*: what is asked for, and the rules that tell of it, in italics those of a wider profile.

    :raises ValueError: a rule is absent.
    """
    default, known = _techniques(log, "default"), _techniques(log, "all")
    yield "\nWhich rules tell of what; rules of a wider profile are in italics.\n"
    yield "| what | rules |\n|---|---|"
    for thing, names in BREADTH[log].items():
        if absent := sorted(set(names) - set(known)):
            raise ValueError(f"no such rules for {log}: {absent}")
        yield f"| {thing} | {', '.join(name if name in default else f'*{name}*' for name in names)} |"


def by_technique(log: str, results: Results) -> Iterator[str]:
    """Yield a table of *log*: how many suspicious records the rules of each technique find, and how many are missed."""
    of_rule = _techniques(log, "default")
    found: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    alerts: Counter[str] = Counter()
    for case, names in results:
        told = {technique for name in names for technique in of_rule[name]}
        (found if case.suspicious else alerts).update(told)
        if case.suspicious and not names:
            missed[MISSES[case.name].technique] += 1
    yield "\nA record on which rules of several techniques fire counts for each.\n"
    yield "| technique | suspicious, found | missed | harmless, with an alert |\n|---|---|---|---|"
    for technique in sorted({*found, *missed, *alerts}):
        yield f"| {technique} | {found[technique]} | {missed[technique]} | {alerts[technique]} |"


def errors(log: str, results: Results) -> Iterator[str]:
    """Yield the tables of what *log* misses and of its alerts on harmless events."""
    wide = {case.name: names for case, names in verdicts(log, public=False, profile="all")}
    twins = _twins(results)
    yield "\n| missed | technique | why | rule in a wider profile |\n|---|---|---|---|"
    for case, names in results:
        if case.suspicious and not names:
            reason = MISSES[case.name]
            yield f"| {case.name} | {reason.technique} | {reason.why} | {', '.join(wide[case.name])} |"
    yield "\n| harmless, with an alert | rules | |\n|---|---|---|"
    for case, names in results:
        if names and not case.suspicious:
            twin = twins.get(_content(case))
            same = f"Right: the same event is labelled suspicious as {twin}." if twin else ""
            told = same or (f"Right: {RIGHT[case.name]}" if case.name in RIGHT else f"Wrong: {WRONG[case.name]}")
            yield f"| {case.name} | {', '.join(names)} | {told} |"


def recorded() -> Iterator[str]:
    """Yield the table of recorded attacks."""
    found = techniques(CORPUS / "stratus", public=False, profile="default")
    yield "## Recorded attacks\n"
    count = sum(map(bool, found.values()))
    yield f"The rules find {count} of {len(found)}, without the one that knows the tool by its name.\n"
    yield "| attack | rules |\n|---|---|"
    for name, rules in found.items():
        yield f"| {name} | {', '.join(rules) or 'missed'} |"


def listed() -> Iterator[str]:
    """Yield the table of the techniques that a public tool lists; the tests of the rules try each of them.

    :raises ValueError: a test expects no rule of the default profile.
    """
    known = {name for log in TECHNIQUES for name in _techniques(log, "default")}
    rows = []
    for path in TECHNIQUES.values():
        for case in yaml.safe_load(path.read_text())["tests"]:
            if not set(case["expect"]) <= known:
                raise ValueError(f"{case['name']} is told by no rule of the default profile")
            rows.append(f"| {case['name']} | {', '.join(case['expect'])} |")
    yield "## Techniques of a public tool\n"
    yield f"The {len(rows)} requests behind what DataDog's Stratus Red Team lists for AWS, EKS and Kubernetes, made"
    yield "after the vendors' documentation, and the rule of the default profile that tells of each. They are in"
    yield "`techniques_test.yaml` of both plugins. Not listed any more, and not told: `cognito-refresh-token-reuse`,"
    yield "which looks like every use of such a token.\n"
    yield "| technique | rule |\n|---|---|"
    yield from rows


def _complain(results: dict[str, Results]) -> None:
    missed, alerts = set(), set()
    for found in results.values():
        twins = _twins(found)
        missed |= {case.name for case, names in found if case.suspicious and not names}
        alerts |= {case.name for case, names in found if names and not case.suspicious and _content(case) not in twins}
    odd = sorted(missed ^ set(MISSES)) + sorted(alerts ^ {*RIGHT, *WRONG}) + sorted(set(RIGHT) & set(WRONG))
    if odd:
        raise ValueError(f"errors without a reason in bench/detection_reasons.py, or reasons without an error: {odd}")


def _content(case: Case) -> str:
    return json.dumps(case.record, sort_keys=True)


def _twins(results: Results) -> dict[str, str]:
    """Return the suspicious cases by the content of their events."""
    return {_content(case): case.name for case, _ in results if case.suspicious}


def _techniques(log: str, profile: str) -> dict[str, list[str]]:
    """Return the techniques in the tags of each rule of *profile*."""
    plugin, source, name = LOGS[log]
    rules = rules_of(load_plugins([plugin]), source, name, public=False)
    return {
        item["rule"]: [tag for tag in item.get("tags", []) if tag[:1] == "T" and tag[1:2].isdigit()]
        for path in rules
        for item in yaml.safe_load(path.read_text())
        if "condition" in item and "rule" in item and not set(PROFILES[profile]) & set(item.get("tags", []))
    }


def main() -> None:
    """Write the page."""
    if not CORPUS.is_dir():
        sys.exit(f"{CORPUS} is absent: it has the labelled events")
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
