"""Writes docs/rule-noise.md: how much noise each shipped rule makes, by what is known to be harmless.

For rules about audit logs it is the number of labelled harmless records (bench/detection.py) on which the rule
fires, for host rules the alerts in an hour of ordinary work (bench/noise.py, whose output is given). None of 100
records is no proof of silence, so the page says of how many.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from detection import CORPUS, LOGS, fired, labelled, rules_of

from falcohost.host.plugins import load_plugins

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/rule-noise.md"
HOST = ROOT / "plugins/syscall/falcohost_syscall/rules"
HEAD = """# How much noise the shipped rules make

`script/bench rule_noise` writes this page. It is an estimate, to know where to begin with exceptions: what is usual
differs from place to place, and [backtest](backtest.md) measures it for yours.
"""


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("noise", type=Path, help="the output of bench/noise.py")
    args = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit(f"{CORPUS} is absent: it has the labelled events")
    figures = json.loads(args.noise.read_text().splitlines()[-1])
    PAGE.write_text("\n".join([HEAD, *audit_logs(), *host(figures)]) + "\n")


def audit_logs() -> Iterator[str]:
    """Yield the lines about the rules for audit logs."""
    yield "## Audit logs\n"
    yield "On how many of the labelled harmless records each rule fires, whatever its maturity."
    yield "Rules that fire on none are not listed.\n"
    yield "| log | rule | harmless records | of |\n|---|---|---|---|"
    silent = []
    for log, (plugin, source, name) in LOGS.items():
        plugins = load_plugins([plugin])
        rules = rules_of(plugins, source, name, public=False)
        cases = [case for case in labelled(CORPUS / "events" / f"{log}.jsonl") if not case.suspicious]
        results = fired(plugins, source, rules, [case.record for case in cases], "all")
        counts = Counter(rule for names in results for rule in set(names))
        for rule, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            yield f"| {log} | {rule} | {count} | {len(cases)} |"
        named = {
            item["rule"]
            for path in rules
            for item in yaml.safe_load(path.read_text())
            if "rule" in item and item.get("source") == source
        }
        silent.append(f"{log} {len(named - set(counts))} of {len(named)}")
    yield f"\nRules that fire on none: {', '.join(silent)}.\n"


def host(figures: Mapping[str, object]) -> Iterator[str]:
    """Yield the lines about the host rules."""
    rates = figures["ours"]
    assert isinstance(rates, dict)
    names = {
        item["rule"]
        for path in sorted(HOST.glob("*.yaml"))
        for item in yaml.safe_load(path.read_text())
        if "rule" in item
    }
    yield "## Hosts\n"
    yield (
        "Alerts of each rule in an hour of ordinary work (packages, builds, containers, cron, servers: "
        "`script/bench noise`) in the default profile."
    )
    yield "Rules without alerts are not listed.\n"
    yield "| rule | alerts an hour |\n|---|---|"
    for rule, rate in sorted(rates.items(), key=lambda item: (-item[1], item[0])):
        yield f"| {rule} | {rate:g} |"
    silent = len(names - set(rates))
    yield f"\nRules without an alert: {silent} of {len(names)}, in the work of {figures['rounds']} rounds."


if __name__ == "__main__":
    main()
