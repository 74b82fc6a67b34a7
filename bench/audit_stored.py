"""Measures how many audit records per second of CPU the whole agent takes from files into its store.

The records are CloudTrail's, in gzip'd documents as a bucket holds them (or, with ``--plain``, the same unpacked), with
Falco's public rules; a given share of them matches. The CPU time is that of all of the agent's processes; that of a run
with one document is subtracted, so that a start does not count. The alerts are written to a file as JSON, too. With
``--against`` another checkout does the same in turn, and each round begins with the other one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import tempfile
from pathlib import Path

from against import CORPUS, HERE, ratio
from audit import DOCUMENT, LOG, public_rules, varied, wanted_events

from falcohost.engine.matcher import Matcher
from falcohost.jsonlog.event import event_of

RULES = CORPUS / "rules/aws_cloudtrail_rules.yaml"

#: Shares of records that match, in a thousand.
SHARES = (5, 120, 1000)


def documents(count: int, share: int) -> list[bytes]:
    """Return documents of *count* records, of which *share* in a thousand match."""
    match = Matcher(public_rules(0)).match
    chance = random.Random(1)
    events = wanted_events()
    matching = [event for event in events if match(event_of(LOG, event))]
    others = [event for event in events if not match(event_of(LOG, event))]
    kinds = [matching if number * share % 1000 < share else others for number in range(count)]
    records = [varied(chance, chance.choice(kind), 1_700_000_000 + at // 10) for at, kind in enumerate(kinds)]
    chunks = [records[at : at + DOCUMENT] for at in range(0, count, DOCUMENT)]
    return [b'{"Records":[' + b",".join(chunk) + b"]}" for chunk in chunks]


def run(root: Path, logs: Path) -> tuple[float, int]:
    """Run a checkout's agent over *logs*; return its seconds of CPU, and how many alerts are in its store."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {
            "plugins": [{"name": "cloudtrail", "open_params": str(logs)}],
            "load_plugins": ["cloudtrail"],
            "stdout_output": {"enabled": False},
            "syslog_output": {"enabled": False},
            "log_syslog": False,
            "webserver": {"enabled": False},
            "json_output": True,
            "file_output": {"enabled": True, "filename": str(folder / "alerts")},
            "falcohost": {"alerts": {"max_per_second": 1_000_000}},
        }
        (folder / "falco.yaml").write_text(json.dumps(settings))
        command = [root / ".venv/bin/falcohost", "-c", folder / "falco.yaml", "-r", RULES]
        state = folder / "state"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*map(str, command), "--enable-source", "aws_cloudtrail"],
            env=os.environ | {"FALCOHOST_STATE_DIR": str(state)},
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        (file,) = state.glob("**/*.db")
        with sqlite3.connect(file) as connection:
            (alerts,) = connection.execute("SELECT count(*) FROM alerts WHERE source = 'aws_cloudtrail'").fetchone()
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, alerts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=int, action="append", help="records in a thousand that match")
    parser.add_argument("--plain", action="store_true", help="documents that are not packed")
    parser.add_argument("--against", type=Path, help="another checkout, set up by script/setup --dev")
    given = parser.parse_args()
    roots = [HERE, *([given.against.resolve()] if given.against else [])]
    figures: dict[str, object] = {"bench": "audit_stored", "records": given.records, "plain": given.plain}
    for share in given.share or SHARES:
        with tempfile.TemporaryDirectory() as name:
            few, many = Path(name, "few"), Path(name, "many")
            made = documents(given.records + DOCUMENT, share)
            for folder, some in ((few, made[:1]), (many, made)):
                folder.mkdir()
                for number, document in enumerate(some):
                    data = document if given.plain else gzip.compress(document, 6)
                    (folder / f"{number:05}.json{'' if given.plain else '.gz'}").write_bytes(data)
            seconds: dict[Path, list[float]] = {root: [] for root in roots}
            alerts = set()
            for number in range(given.rounds):
                for root in roots if number % 2 else roots[::-1]:
                    of_few, _ = run(root, few)
                    of_many, stored = run(root, many)
                    seconds[root].append((of_many - of_few) / given.records)
                    alerts.add(stored)
        rates = [1 / statistics.median(seconds[root]) for root in roots]
        line = f"{share / 10:5.1f} % match, {max(alerts):7} alerts: {rates[0]:9,.0f} records per CPU second"
        assert len(alerts) == 1, alerts
        found: dict[str, object] = {"per_cpu_second": round(rates[0]), "alerts": max(alerts)}
        if given.against:
            middle, low, high = ratio([1 / one for one in seconds[roots[0]]], [1 / one for one in seconds[roots[1]]])
            line += f", there {rates[1]:9,.0f}; ratio {middle:.2f} ({low:.2f} to {high:.2f})"
            found |= {"there": round(rates[1]), "ratio": [round(middle, 3), round(low, 3), round(high, 3)]}
        print(line, flush=True)
        figures[f"{share}"] = found
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
