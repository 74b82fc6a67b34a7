"""Measures what a lookup table costs: for each event that meets the rest of a rule, for each new key, and in memory.

*none* is a rule on JSON records that reads no table, *beside* the same while a table is configured that no rule reads,
*known* reads a table for keys whose rows are there, and *new* for keys that are asked for the first time. The table is
in a process of its own, as in an agent, over a socket.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

import falcohost_json.plugin
import falcohost_tables.plugin
from falcohost.engine.alerts import AlertMaker
from falcohost.events import Batch
from falcohost.helpers import HELPERS
from falcohost.host.plugins import Candidate, gather
from falcohost.host.plugins.offers import Plugins
from falcohost.pipeline.pipeline import Pipeline
from falcohost.pipeline.rules import Rules
from falcohost.port import SocketPort
from falcohost.testing.firing import enabled_rules
from falcohost_tables import helper
from falcohost_tables.config import parse
from falcohost_tables.lookup import Asking
from falcohost_tables.rows import Answer

RULE = """
- rule: Seen
  desc: A record.
  condition: json.value[/what] = login and {condition}
  output: seen %json.value[/ip]
  priority: NOTICE
  source: app
"""
PLAIN = 'json.value[/ip] startswith "x"'
TABLE = 'asset.owner["json.value[/ip]"] = nobody'


class Nowhere:
    """A sink for alerts, of which there are none."""

    rewinds = False

    def add(self, alert: Any) -> None:
        """Take an alert."""

    def flush(self, cursor: str | None) -> None:
        """Take a cursor."""

    def once_stored(self, call: Callable[[], object]) -> None:
        """Run *call*."""
        call()


def _serve(there: socket.socket, tables: Any) -> None:
    helper.serve(there, {"tables": tables})


def opened(tables: Any) -> tuple[Asking, Any]:
    """Return the lookup, and the process that has the tables."""
    here, there = socket.socketpair()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(there, tables), daemon=True)
    process.start()
    there.close()
    asking = Asking(SocketPort(here, Answer))
    asking.wait(1, 60.0)
    return asking, process


def pipeline(folder: Path, condition: str, plugins: Plugins, lookup: Asking | None) -> tuple[Pipeline, Rules]:
    """Return a pipeline with one rule."""
    path = folder / "rules.yaml"
    path.write_text(RULE.format(condition=condition))
    rules = Rules.compiled("app", enabled_rules(plugins, "app", [path]), first=True)
    made = Pipeline(rules, AlertMaker("here").make, Nowhere())
    for loaded in rules.lookups:
        loaded._lookup = lookup  # which the worker makes over its helper
    made.pending.watch(rules.lookups)
    return made, rules


def seconds(made: Pipeline, rules: Rules, folder: Path, addresses: Iterable[str], plugins: Plugins) -> float:
    """Return the time for each record with one of *addresses*."""
    log = folder / "log"
    addresses = list(addresses)
    log.write_text("".join(f'{{"what":"login","ip":"{one}"}}\n' for one in addresses))
    settings = {"sources": [{"name": "app", "open_params": str(log)}]}
    source = plugins.sources()["app"].make({**settings, HELPERS: {}})
    source.open(rules.plan, None)
    batches = [Batch(list(batch.events)) for batch in source.batches()]
    before = time.perf_counter()
    for batch in batches:
        made.take(batch)
        while len(made.pending):
            made.pending.poll()
    spent = time.perf_counter() - before
    source.close()
    return spent / len(addresses)


def resident(pid: int) -> int:
    """Return the private memory of a process in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def main() -> None:
    """Print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "assets.csv"
        rows = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255},owner{n % 97}\n" for n in range(given.rows))
        file.write_text("ip,owner\n" + "".join(rows))
        tables = {"asset": {"file": str(file), "columns": ["owner"], "match": "network"}}
        log = {"sources": [{"name": "app", "open_params": str(folder / "log")}]}
        own = Candidate("json", falcohost_json.plugin, settings=log)
        alone = gather([own])
        both = gather([own, Candidate("tables", falcohost_tables.plugin, settings={"tables": tables})])
        figures: dict[str, float] = {}
        known = [f"10.0.{n >> 8 & 15}.{n & 255}" for n in range(given.events)]  # 4,096 of them
        new = [f"10.0.{n >> 8 & 255}.{n & 255}" for n in range(10_000)]
        began = time.perf_counter()
        asking, process = opened(msgspec.to_builtins(parse(tables)))
        figures["load_s"] = time.perf_counter() - began
        for _ in range(given.rounds):
            for title, plugins, condition in (("none", alone, PLAIN), ("beside", both, PLAIN), ("known", both, TABLE)):
                made, rules = pipeline(folder, condition, plugins, asking)
                if title == "known":
                    seconds(made, rules, folder, known[:4096], plugins)
                took = seconds(made, rules, folder, known, plugins) * 1e6
                figures[f"{title}_us"] = min(took, figures.get(f"{title}_us", took))
            fresh, other = opened(msgspec.to_builtins(parse(tables)))
            made, rules = pipeline(folder, TABLE, both, fresh)
            took = seconds(made, rules, folder, new, both) * 1e6
            figures["new_us"] = min(took, figures.get("new_us", took))
            other.kill()
        figures["helper_kib"] = resident(process.pid)
        figures["helper_bytes_per_row"] = figures["helper_kib"] * 1024 / given.rows
        process.kill()
    for title, figure in figures.items():
        print(f"{title:<22} {figure:>12,.2f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    sys.exit(main())
