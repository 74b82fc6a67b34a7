"""Measures what an idle agent costs: CPU time, and how often it wakes, by process and thread.

With ``--against`` the agent of another checkout runs at the same time, so that both have the same machine, and whatever
others do on it. Figures are medians over the windows. The agents' own processes are no events to each other's rules,
but their forks are; run them on a quiet machine for figures that count by themselves. Run ``script/setup --dev`` in the
other checkout before.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from overhead import BENCH, PUBLIC, RULES, Agent, command, tree

#: Seconds for which a new agent still does what a start leaves behind.
SETTLES = 5.0


class Thread(NamedTuple):
    """A thread: the place of its process in the agent's tree, the process's name, and its place among the threads."""

    process: int
    name: str
    number: int


class Ran(NamedTuple):
    """How long a thread ran, in seconds, and how often it was given a processor."""

    seconds: float
    times: int


def ran(pids: Sequence[int]) -> dict[Thread, Ran]:
    """Return how much each thread of these processes ran so far (schedstat, Documentation/scheduler)."""
    found = {}
    for place, pid in enumerate(pids):
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        threads = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda one: int(one.name))
        for number, thread in enumerate(threads):
            ns, _, times = map(int, (thread / "schedstat").read_text().split())
            found[Thread(place, name, number)] = Ran(ns / 1e9, times)
    return found


def window(trees: Mapping[str, Sequence[int]], seconds: float) -> dict[str, dict[Thread, Ran]]:
    """Return how much each thread of each agent runs in a second, measured for so many *seconds*."""
    before, since = {root: ran(pids) for root, pids in trees.items()}, time.monotonic()
    time.sleep(seconds)
    after, took = {root: ran(pids) for root, pids in trees.items()}, time.monotonic() - since
    return {
        root: {
            thread: Ran((now.seconds - then.seconds) / took, (now.times - then.times) / took)  # type: ignore[arg-type]
            for thread, now in after[root].items()
            if (then := before[root].get(thread)) is not None
        }
        for root in trees
    }


def main() -> None:
    """Print a table for each checkout, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", choices=RULES, default="public" if PUBLIC.exists() else "shipped")
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--seconds", type=float, default=10, help="length of a window")
    parser.add_argument("--windows", type=int, default=3)
    options = parser.parse_args()
    roots = [BENCH.parent, *([options.against] if options.against else [])]
    with contextlib.ExitStack() as stack:
        trees = {}
        for number, root in enumerate(roots):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            line = f"{command(options.rules, folder, root)} -o falcohost.state_dir={folder / 'state'}"
            agent = stack.enter_context(Agent(shlex.split(line), "Ready"))
            trees["this" if number == 0 else str(root)] = agent.process.pid
        time.sleep(SETTLES)
        found = {root: tree(pid) for root, pid in trees.items()}
        windows = [window(found, options.seconds) for _ in range(options.windows)]
    figures = {}
    for root in found:
        print(f"{root:40} {'of a core':>10} {'wakes/s':>8}")
        for thread in dict.fromkeys(thread for one in windows for thread in one[root]):
            seconds = statistics.median(one[root][thread].seconds for one in windows if thread in one[root])
            times = statistics.median(one[root][thread].times for one in windows if thread in one[root])
            label = f"{thread.process} {thread.name} {thread.number or ''}"
            if times:
                print(f"  {label:38} {seconds:10.3%} {times:8.1f}")
        figures[root] = statistics.median(sum(one.seconds for one in each[root].values()) for each in windows)
        print(f"  {'all':38} {figures[root]:10.3%}")
    print(json.dumps({"bench": "idle", "rules": options.rules, "core": {k: round(v, 6) for k, v in figures.items()}}))


if __name__ == "__main__":
    main()
