"""Measures how many audit records per second of CPU the whole agent takes from files into its store.

The records are CloudTrail's, in gzip'd documents as a bucket holds them (or, with ``--plain``, the same unpacked), with
Falco's public rules; a given share of them matches. The CPU time is that of all of the agent's processes; that of a run
with one document is subtracted, so that a start does not count. The alerts are written to a file as JSON, too. With
``--against`` another checkout does the same in turn, with ``--falco`` Falco; the order changes with each round.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from against import CORPUS, HERE, ratio
from audit import DOCUMENT, LOG, public_rules, varied, wanted_events
from falco import settings as falco_settings

from falcohost.engine.matcher import Matcher
from falcohost.jsonlog.event import event_of

RULES = CORPUS / "rules/aws_cloudtrail_rules.yaml"

#: Reads the logs in a folder; returns seconds of CPU, and how many alerts there were.
Run: TypeAlias = Callable[[Path], tuple[float, int]]

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
            (alerts,) = connection.execute(
                "SELECT coalesce(sum(count), 0) FROM packs WHERE source = 'aws_cloudtrail'"
            ).fetchone()
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, alerts


def run_falco(program: str, plugins: str, spins: bool, logs: Path) -> tuple[float, int]:
    """Run Falco with the *plugins* in a folder over *logs*; return its seconds of CPU, and the number of alerts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alerts = folder / "alerts"
        # Asynchronous extraction, its default, spins on a second processor, and hardly comes on where none is free.
        plugin = {"name": "cloudtrail", "init_config": {"useAsync": spins}, "open_params": str(logs)}
        output = {"enabled": True, "keep_alive": True, "filename": str(alerts)}
        settings = falco_settings(RULES, plugins, plugin, {"file_output": output})
        (folder / "falco.yaml").write_text(json.dumps(settings))
        command = [program, "-c", str(folder / "falco.yaml"), "--enable-source", "aws_cloudtrail"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        lines = alerts.read_bytes().count(b"\n") if alerts.exists() else 0
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, lines


def measure(runs: Mapping[str, Run], share: int, given: argparse.Namespace) -> dict[str, object]:
    """Measure all *runs*, by name, with *share* in a thousand records that match; print a line, return its figures."""
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name, "few"), Path(name, "many")
        made = documents(given.records + DOCUMENT, share)
        for folder, some in ((few, made[:1]), (many, made)):
            folder.mkdir()
            for number, document in enumerate(some):
                data = document if given.plain else gzip.compress(document, 6)
                (folder / f"{number:05}.json{'' if given.plain else '.gz'}").write_bytes(data)
        seconds: dict[str, list[float]] = {one: [] for one in runs}
        alerts = set()
        for number in range(given.rounds):
            for one in runs if number % 2 else [*runs][::-1]:
                of_few, _ = runs[one](few)
                of_many, told = runs[one](many)
                seconds[one].append((of_many - of_few) / given.records)
                alerts.add(told)
    assert len(alerts) == 1, alerts
    (_, own), *others = seconds.items()
    rate = 1 / statistics.median(own)
    line = f"{share / 10:5.1f} % match, {max(alerts):7} alerts: {rate:9,.0f} records per CPU second"
    found: dict[str, object] = {"per_cpu_second": round(rate), "alerts": max(alerts)}
    for other, those in others:
        middle, low, high = ratio([1 / one for one in own], [1 / one for one in those])
        line += f"; {other} {1 / statistics.median(those):9,.0f}, ratio {middle:.2f} ({low:.2f} to {high:.2f})"
        found[other] = {
            "per_cpu_second": round(1 / statistics.median(those)),
            "ratio": [round(middle, 3), round(low, 3), round(high, 3)],
        }
    print(line, flush=True)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=int, action="append", help="records in a thousand that match")
    parser.add_argument("--plain", action="store_true", help="documents that are not packed")
    parser.add_argument("--against", type=Path, help="another checkout, set up by script/setup --dev")
    parser.add_argument("--falco", nargs=2, metavar=("PROGRAM", "PLUGINS"), help="Falco, and the folder of its plugins")
    parser.add_argument("--spins", action="store_true", help="Falco's plugin may spin, for a machine that is idle")
    given = parser.parse_args()
    runs: dict[str, Run] = {"here": functools.partial(run, HERE)}
    if given.against:
        runs["there"] = functools.partial(run, given.against.resolve())
    if given.falco:
        program, plugins = given.falco
        runs["falco"] = functools.partial(run_falco, program, plugins, given.spins)
    figures: dict[str, object] = {"bench": "audit_stored", "records": given.records, "plain": given.plain}
    for share in given.share or SHARES:
        figures[f"{share}"] = measure(runs, share, given)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
