"""Compares this checkout with another one: memory, time until ready, and what an alert costs on its way.

*start* runs the agent of each checkout on the public rules, or those of ``--rules``, until it is ready. It takes the
time and the CPU time until then, and the memory of each process a second later. *deliver* looks through a file in which
each record raises an alert, and through one with few records. The difference is what the records cost: reading,
matching, storing, writing to stdout. *loads* runs each load of ``bench overhead``, or those of ``--modes``, on one core
without, then with an agent: how many times as long it takes. Short loads in many rounds (``--seconds 0.5``) are the
least disturbed by what else the machine does.

The checkouts take turns, and each round begins with the other one. A ratio is this checkout's figure over the other's;
its 95% interval is that of the mean of the logarithms. Run ``script/setup --dev`` in both before.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from overhead import BENCH, MODES, RULES, Agent, command, cpu_seconds, tree
from overhead import measure as measure_loads

HERE = Path(__file__).resolve().parent.parent
CORPUS = HERE.parent / "shared/corpus"

RULE = """
- rule: Everything
  desc: Each record is an alert.
  condition: ct.name exists
  output: Call (user=%ct.user ip=%ct.srcip name=%ct.name region=%ct.region source=%ct.src error=%ct.error)
  priority: WARNING
  source: aws_cloudtrail
  tags: [cloud, T1078]
"""

#: Half the width of the 95% interval of a mean, in standard errors, by the number of values (Student's t).
_T = {2: 12.7, 3: 4.3, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26, 15: 2.14, 20: 2.09}


def memory(pid: int) -> dict[str, float]:
    """Return the proportional set size of the processes below *pid* in MB: the supervisor, the workers, and all."""
    sizes = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in tree(pid)]
    pss = [int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024 for text in sizes]  # type: ignore[index]
    return {"supervisor_mb": pss[0], "workers_mb": sum(pss[1:]), "pss_mb": sum(pss)}


def start(root: Path, rules: str) -> dict[str, float]:
    """Start the agent of a checkout with *rules*; return its figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Agent(shlex.split(command(rules, Path(folder), root)), "Ready") as agent,
    ):
        cpu = cpu_seconds(agent.process.pid)
        time.sleep(1)
        return {"ready_s": agent.seconds_to_ready, "ready_cpu_s": cpu, **memory(agent.process.pid)}


class Delivery:
    """Files of a few and of *count* records, and the rule by which each is an alert, in *folder*."""

    def __init__(self, folder: Path, count: int) -> None:
        from audit import records  # needs the extras that tests need

        self._count = count
        self._rules = folder / "rules.yaml"
        self._rules.write_text(RULE)
        self._few, self._many = folder / "few.json", folder / "many.json"
        for file, number in ((self._few, 100), (self._many, count + 100)):
            file.write_bytes(b"\n".join(records(number)))

    def __call__(self, root: Path) -> dict[str, float]:
        """Run a checkout's agent over both; return its figures."""
        return {"alert_us": (self._cpu(root, self._many) - self._cpu(root, self._few)) / self._count * 1e6}

    def _cpu(self, root: Path, file: Path) -> float:
        command = [root / ".venv/bin/falcohost", "run", "-r", self._rules, "--source", "aws_cloudtrail", file]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


class Loads:
    """The loads of ``bench overhead`` that *modes* name, each for so many *seconds*, compiled into *folder*."""

    def __init__(self, folder: Path, rules: str, modes: Sequence[str], seconds: float) -> None:
        self._folder, self._rules, self._program = folder, rules, folder / "load"
        self._modes, self._seconds = modes, seconds
        subprocess.run(["gcc", "-O2", "-o", self._program, BENCH / "load.c"], check=True)

    def __call__(self, root: Path) -> dict[str, float]:
        """Run them beside a checkout's agent; return by how much each is slowed down."""
        agent = command(self._rules, self._folder, root)
        options = argparse.Namespace(
            agent=agent,
            ready="Ready",
            wait=60,
            rounds=1,
            modes=self._modes,
            cores=[1],
            seconds=self._seconds,
            flood=0,
            settle=3,
            filtered=None,  # an older checkout does not say it
        )
        modes = measure_loads(options, self._program)["modes"]
        return {mode: 1 / row["kept"] for mode, row in modes.items()}  # type: ignore[attr-defined]


def ratio(here: list[float], there: list[float]) -> tuple[float, float, float]:
    """Return the ratio of paired figures with its 95% interval."""
    logarithms = [math.log(one / other) for one, other in zip(here, there, strict=True)]
    middle = statistics.mean(logarithms)
    count = len(logarithms)
    error = statistics.stdev(logarithms) / math.sqrt(count) if count > 1 else math.inf
    half = error * _T[max(known for known in _T if known <= max(count, 2))]
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def measure(work: Callable[[Path], Mapping[str, float]], other: Path, rounds: int) -> dict[str, object]:
    """Run *work* in alternating pairs; print and return the figures."""
    found: dict[Path, list[Mapping[str, float]]] = {HERE: [], other: []}
    for number in range(rounds + 1):
        for root in (HERE, other) if number % 2 else (other, HERE):
            figures = work(root)
            if number:  # the first fills caches
                found[root].append(figures)
        print(f"round {number} of {rounds}", file=sys.stderr)
    result: dict[str, object] = {}
    for name in found[HERE][0]:
        here, there = ([figures[name] for figures in found[root]] for root in (HERE, other))
        middle, low, high = ratio(here, there)
        new, old = statistics.median(here), statistics.median(there)
        print(f"{name:14} {old:9.2f} {new:9.2f} {middle:7.3f}   {low:.3f} to {high:.3f}")
        result[name] = {
            "there": round(old, 3),
            "here": round(new, 3),
            "ratio": [round(middle, 3), round(low, 3), round(high, 3)],
        }
    return result


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--alerts", type=int, default=30_000)
    parser.add_argument("--rules", choices=RULES, default="public", help="of the agents that are started")
    parser.add_argument("--only", choices=("start", "deliver", "loads"))
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES, help="the loads that are run")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each load runs")
    given = parser.parse_args()
    other = given.checkout.resolve()
    print(f"{'':14} {'there':>9} {'here':>9} {'ratio':>7}   95% interval")
    figures: dict[str, object] = {
        "bench": "against",
        "checkout": str(other),
        "rounds": given.rounds,
        "rules": given.rules,
    }
    if given.only in (None, "start"):
        figures |= measure(functools.partial(start, rules=given.rules), other, given.rounds)
    if given.only in (None, "deliver"):
        with tempfile.TemporaryDirectory() as folder:
            figures |= measure(Delivery(Path(folder), given.alerts), other, given.rounds)
    if given.only in (None, "loads"):
        with tempfile.TemporaryDirectory() as folder:
            loads = Loads(Path(folder), given.rules, given.modes, given.seconds)
            figures |= measure(loads, other, given.rounds)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
