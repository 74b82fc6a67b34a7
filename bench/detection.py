"""Measures what rules find among labelled records of audit logs: recall and false alarms by source, and each error.

A line of a labelled file is ``{"case": …, "event": …, "expected": true|false}``; ``expected`` says whether the event is
suspicious. A folder of recorded attacks has one file for each technique, with a list of records; a technique is found
if a rule fires on one of its records. A record that the plugin leaves out counts as one on which no rule fires.
bench/detection_page.py writes what comes out into docs/detection.md, with the reason of each error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.host.plugins import Plugins, load_plugins
from falcohost.rules.profiles import PROFILES, left_out
from falcohost.testing.firing import enabled_rules, views
from falcohost_rules import shared_rules

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared/corpus"

#: By log: the plugin, its source, and the public rules for it.
LOGS = {
    "cloudtrail": ("cloudtrail", "aws_cloudtrail", "aws_cloudtrail_rules.yaml"),
    "github": ("github", "github", "github.yaml"),
    "kubernetes": ("k8saudit", "k8s_audit", "k8s_audit_rules.yaml"),
    "okta": ("okta", "okta", "okta_rules.yaml"),
}

#: Member that is added to each record, so that it is known again.
_NUMBER = "falcohost_bench_number"


class Case(NamedTuple):
    """A record, and whether it is suspicious."""

    name: str
    record: dict[str, Any]
    suspicious: bool


def fired(
    plugins: Plugins, source: str, rules: Sequence[Path], records: Sequence[dict[str, Any]], profile: str
) -> list[list[str]]:
    """Return the rules that fire on each record; none on one that is left out."""
    enabled = enabled_rules(plugins, source, rules, *left_out(profile, map(str, rules)))
    matcher = Matcher(enabled, first=False)
    found: list[list[str]] = [[] for _ in records]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for number, record in enumerate(records):
            file.write(json.dumps({**record, _NUMBER: number}) + "\n")
        file.flush()
        opened = plugins.sources()[source].make({**plugins.loaded[0].settings, "open_params": file.name})
        opened.open(make_plan(source, enabled), None)
        try:
            for batch in opened.batches():
                for event in batch.events:
                    names = [rule.name for rule, _ in matcher.match_views(views(batch, event))]
                    found[json.loads(event.raw)[_NUMBER]] = names
        finally:
            opened.close()
    return found


def rules_of(plugins: Plugins, source: str, name: str, *, public: bool) -> list[Path]:
    """Return the rules files of *source*: those that come with falcohost, or the public file *name*."""
    return [CORPUS / "rules" / name] if public else [*map(Path, plugins.rules()), *shared_rules({source})]


def labelled(path: Path) -> list[Case]:
    """Return the cases of a file."""
    lines = map(json.loads, path.read_text().splitlines())
    return [Case(line["case"], line["event"], line["expected"]) for line in lines]


def verdicts(log: str, *, public: bool, profile: str) -> list[tuple[Case, list[str]]]:
    """Return each labelled case of *log* with the rules that fire on it."""
    plugin, source, name = LOGS[log]
    plugins = load_plugins([plugin])
    cases = labelled(CORPUS / "events" / f"{log}.jsonl")
    rules = rules_of(plugins, source, name, public=public)
    return list(zip(cases, fired(plugins, source, rules, [case.record for case in cases], profile), strict=True))


def measure(log: str, *, public: bool, quiet: bool, profile: str) -> dict[str, float]:
    """Print a row for *log* and its errors, and return its figures."""
    results = verdicts(log, public=public, profile=profile)
    bad = [(case, names) for case, names in results if case.suspicious]
    good = [(case, names) for case, names in results if not case.suspicious]
    recall = sum(bool(names) for _, names in bad) / len(bad)
    false = sum(bool(names) for _, names in good) / len(good)
    print(f"{log:12} {recall:7.3f} of {len(bad):3}   {false:7.3f} of {len(good):3}")
    if not quiet:
        for case, names in bad:
            if not names:
                print(f"    missed: {case.name}")
        for case, names in good:
            if names:
                print(f"    false:  {case.name}: {', '.join(names)}")
    return {"recall": recall, "false_alarms": false}


def techniques(folder: Path, *, public: bool, profile: str) -> dict[str, list[str]]:
    """Return the rules that fire on the records of each recorded technique."""
    plugin, source, name = LOGS["cloudtrail"]
    plugins = load_plugins([plugin])
    rules = rules_of(plugins, source, name, public=public)
    found = {}
    for path in sorted(folder.glob("*.json")):
        results = fired(plugins, source, rules, json.loads(path.read_text()), profile)
        found[path.stem] = sorted({name for names in results for name in names} - {"Attack tool asks AWS"})
    return found


def main() -> None:
    """Print the tables and, last, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", action="store_true", help="Falco's public rules instead of those shipped")
    parser.add_argument("--profile", choices=PROFILES, default="default", help="which of the rules")
    parser.add_argument("--quiet", action="store_true", help="do not list errors")
    parser.add_argument("--log", choices=LOGS, action="append", help="only this log")
    args = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit(f"{CORPUS} is absent: it has the labelled events")
    print(f"{'log':12} {'recall':14}    false alarms")
    figures: dict[str, object] = {}
    for log in args.log or LOGS:
        figures[log] = measure(log, public=args.public, quiet=args.quiet, profile=args.profile)
    if not args.log or "cloudtrail" in args.log:
        print("recorded techniques:")
        found = techniques(CORPUS / "stratus", public=args.public, profile=args.profile)
        for technique, names in found.items():
            print(f"    {technique}: {', '.join(names) or 'missed'}")
        figures["techniques"] = {"found": sum(map(bool, found.values())), "of": len(found)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
