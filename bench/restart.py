"""Measures how soon a killed worker of the syscall source is back: from its end to the alert of an event after it.

A file is read right after each kill. Kills in quick succession are bounded: after ten in ten seconds each next worker
begins half a second later, which the second row shows. The third row is for kills of the process that reads /proc for
the worker, which ends with it. With ``--busy N`` that many processes use the processors meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from falcohost.testing.agent import Agent

RULES = """
- rule: Read
  desc: The file was read.
  condition: evt.type in (open, openat) and fd.name = {file} and proc.name = cat
  output: read %proc.pid
  priority: NOTICE
"""


def worker(agent: Agent) -> int:
    """Return the worker of the source: the one of its processes that loads no programs."""
    while True:
        for pid in agent.workers():
            try:
                links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
            except OSError:
                continue
            if "anon_inode:bpf-map" in links and "anon_inode:bpf-prog" not in links:
                return pid
        time.sleep(0.002)


def helper(agent: Agent) -> int:
    """Return the process that reads /proc for the worker, its only child."""
    while True:
        pid = worker(agent)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return int(child)


def restarts(agent: Agent, file: Path, count: int, pause: float, whom: Callable[[Agent], int]) -> Iterator[float]:
    """Kill the worker (or *whom*) *count* times, *pause* seconds after it was back; yield the seconds until it was."""
    for _ in range(count):
        time.sleep(pause)
        seen = len(agent.alerts)
        os.kill(whom(agent), signal.SIGKILL)
        killed = time.monotonic()
        subprocess.run(["cat", file], check=True, stdout=subprocess.DEVNULL)
        while not any(alert["rule"] == "Read" for alert in agent.alerts[seen:]):
            time.sleep(0.002)
        yield time.monotonic() - killed


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="kills in each of the forms")
    parser.add_argument("--busy", type=int, default=0, help="processes that use the processors meanwhile")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="falcohost-restart-"))
    folder.chmod(0o755)
    file, rules = folder / "file", folder / "rules.yaml"
    file.touch()
    rules.write_text(RULES.format(file=file))
    agent = Agent(folder, [rules])
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(given.busy)]
    try:
        agent.wait_until_ready()
        figures = {}
        for name, pause, whom in (("apart", 1.5, worker), ("in a row", 0.0, worker), ("helper", 1.5, helper)):
            waits = sorted(restarts(agent, file, given.kills, pause, whom))
            figures[name] = {"least": waits[0], "median": statistics.median(waits), "most": waits[-1]}
            print(f"{name:10}" + "".join(f"  {what} {seconds:.2f} s" for what, seconds in figures[name].items()))
    finally:
        for process in busy:
            process.kill()
        agent.kill()
    print(json.dumps(figures))


if __name__ == "__main__":
    sys.exit(main())
