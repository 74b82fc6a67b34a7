"""Measures what many processes and cgroups cost the agent: its memory, and whether what it detects is still told.

In turn: processes that sleep, a bomb of processes that fork, programs in cgroups of their own that end at once. Prints
the agent's memory (PSS) before, the most meanwhile and after, the kernel's memory of the probe's tables, what was lost,
and whether a read of /etc/shadow is told at the end of each. And how long a start takes beside processes that sleep.

The long form, for which pid_max and threads-max have to allow it: ``script/bench bounds --processes 200000``. With
*--pairs* only starts are measured, so many alone and so many beside the processes, by turns. With *--minutes* only the
memory at the end of each minute, in which processes fork for a moment, files are opened, and a part of the cgroups
comes and goes, and what each process had of its own at the first and the last; *--public* is with the public stable
rules, too. A rule there has the worker told of each of the cgroups, which it otherwise is only by chance. With
*--every* only how late reads of /etc/shadow are told, four a second, beside a rule on every event of each of these
types.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from floods import BENCH, Agent
from overhead import pss_mb, tree

#: Seconds in which the read at the end of each has to be told.
PATIENCE = 60.0

#: Seconds between two reads beside a rule on every event of a type.
PAUSE = 0.25
EVERY = """
- rule: Every
  desc: Matches whatever happens.
  condition: evt.type = {type}
  output: every %evt.type
  priority: NOTICE
"""
TOLD = """
- rule: Told
  desc: Filters cannot tell of what runs in the cgroups.
  condition: evt.type = execve and proc.name = true and thread.cgroups contains never-there
  output: never
  priority: NOTICE
"""
PUBLIC = BENCH.parent.parent / "shared/corpus/rules"
_CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/pids"))


def tables_mb(pid: int) -> float:
    """Return the kernel's memory for the maps of which the process tree at *pid* has descriptors, each once, in MB."""
    found: dict[str, int] = {}
    for one in tree(pid):
        for file in Path(f"/proc/{one}/fdinfo").glob("*"):
            try:
                lines = dict(line.split(":\t", 1) for line in file.read_text().splitlines() if ":\t" in line)
            except OSError:
                continue
            if "map_id" in lines:
                found[lines["map_id"]] = int(lines.get("memlock", 0))
    return sum(found.values()) / (1 << 20)


def seconds_to_ready(folder: Path, times: int = 3) -> float:
    """Return how long it takes until an agent is ready: the shortest of some times."""
    found = []
    for _ in range(times):
        begun = time.monotonic()
        agent = Agent(folder, [], [f"falcohost.state_dir={folder}/other"])
        found.append(time.monotonic() - begun)
        agent.stop()
    return round(min(found), 2)


def read_is_told(agent: Agent, program: Path, number: int) -> bool:
    """Read the file and wait until that is told."""
    mark = f"mark-{number}"
    subprocess.run([program, "victim", mark], stdout=subprocess.DEVNULL, check=True)
    end = time.monotonic() + PATIENCE
    while mark not in agent.told.told and time.monotonic() < end:
        time.sleep(0.05)
    return mark in agent.told.told


@contextmanager
def sleeping(program: Path, count: int) -> Iterator[int]:
    """Have so many processes that sleep; yield how many there are."""
    with subprocess.Popen([program, "sleep", str(count)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield int(running.stdout.readline())
        finally:
            os.killpg(running.pid, signal.SIGKILL)  # they are no children that end with it


def measure(agent: Agent, program: Path, number: int, load: Iterator[str]) -> dict[str, object]:
    """Return the figures of one *load*, whose steps are looked at."""
    before, lost, begun = pss_mb(agent.process.pid), agent.lost(), time.monotonic()
    most, made = before, ""
    for told in load:
        most, made = max(most, pss_mb(agent.process.pid)), told
    now = agent.lost()
    return {
        "made": made,
        "seconds": round(time.monotonic() - begun, 1),
        "before_mb": round(before, 1),
        "most_mb": round(most, 1),
        "told": read_is_told(agent, program, number),
        "after_mb": round(pss_mb(agent.process.pid), 1),
        "tables_mb": round(tables_mb(agent.process.pid), 1),
        "lost": {cause: count - lost.get(cause, 0) for cause, count in now.items() if count > lost.get(cause, 0)},
    }


def running(command: list[object]) -> Iterator[str]:
    """Run a *command* to its end, with a step each second; in the last one there is what it printed."""
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            yield ""
            time.sleep(1)
        assert process.stdout is not None
        yield process.stdout.read().strip()


def asleep(program: Path, count: int, folder: Path, ready: dict[str, float]) -> Iterator[str]:
    """Have *count* processes sleep; start another agent beside them."""
    with sleeping(program, count) as made:
        yield str(made)
        ready["beside_them"] = seconds_to_ready(folder)
        yield str(made)


def in_turn(program: Path, count: int, folder: Path, pairs: int) -> dict[str, list[float]]:
    """Return how long so many starts take alone, and beside *count* processes that sleep."""
    seconds_to_ready(folder, 1)  # reads the rules for the others
    found: dict[str, list[float]] = {"alone": [], "beside_them": []}
    for number in range(pairs):
        found["alone"].append(seconds_to_ready(folder, 1))
        with sleeping(program, count):
            found["beside_them"].append(seconds_to_ready(folder, 1))
        print(f"ready: alone {found['alone'][number]} s, beside {count} processes {found['beside_them'][number]} s")
    return found


def beside_every(program: Path, folder: Path, kind: str, seconds: float) -> dict[str, object]:
    """Return how late reads are told beside a rule on every event of the type *kind*."""
    agent = Agent(folder, [], [], EVERY.format(type=kind))
    try:
        read: dict[str, float] = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            mark = f"mark-{len(read)}"
            read[mark] = float(subprocess.run([program, "victim", mark], stdout=subprocess.PIPE, check=True).stdout)
            time.sleep(PAUSE)
        late = time.monotonic() + PATIENCE
        while read.keys() - agent.told.told.keys() and time.monotonic() < late:
            time.sleep(PAUSE)
        told = agent.told.told
        lateness = sorted(told[mark] - since for mark, since in read.items() if mark in told)
        figures = {"read": len(read), "told": len(lateness), "lost": agent.lost()}
        return figures | {"median": round(lateness[len(lateness) // 2], 3), "slowest": round(lateness[-1], 3)}
    finally:
        agent.stop()


def opens(folder: Path, count: int) -> Iterator[None]:
    """Make so many files, each with another name, and open each twice, with a step after a hundred."""
    for number in range(count):
        path = folder / f"opened-{number}-{time.monotonic_ns()}"
        path.touch()
        path.read_bytes()
        path.unlink()
        if number % 100 == 99:
            yield


def by_process(pid: int) -> dict[int, float]:
    """Return the memory of each process of the tree at *pid* that is not from files, in MB; the supervisor is first."""
    return {one: own_mb(one) for one in tree(pid)}


def own_mb(pid: int) -> float:
    """Return the memory of one process that is not from files, in MB."""
    found = re.search(r"^Pss_Anon:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def by_minutes(program: Path, folder: Path, root: Path, options: argparse.Namespace) -> dict[str, object]:
    """Return the memory at the end of each minute of forks, opens and cgroups, and what was lost."""
    public = sorted(PUBLIC.glob("falco_rules.yaml")) if options.public else []
    agent = Agent(folder, [], [], "\n".join([TOLD, *(path.read_text() for path in public)]))
    found: list[float] = []
    own: list[float] = []  # which other programs that run the same files do not change
    each: list[dict[int, float]] = []
    made = {"forks": 0, "opens": 0, "cgroups": 0}
    try:
        for minute in range(options.minutes):
            end = time.monotonic() + 60
            for what, command in (
                ("forks", [program, "bomb", "2"]),
                ("cgroups", [program, "cgroups", -(-options.cgroups // options.minutes), root]),
            ):
                said = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, text=True, check=True).stdout
                made[what] += int(said)
            made["opens"] += 100 * sum(1 for _ in opens(folder, 5000))
            time.sleep(max(0.0, end - time.monotonic()))
            found.append(round(pss_mb(agent.process.pid), 1))
            own.append(round(pss_mb(agent.process.pid, "Pss_Anon"), 1))
            each.append(by_process(agent.process.pid))
            print(f"minute {minute + 1}: {found[-1]} MB, {own[-1]} of it not from files", flush=True)
        told = read_is_told(agent, folder / "floods", 0)
        for pid, last in each[-1].items():
            comm = Path(f"/proc/{pid}/comm").read_text().strip()
            print(
                f"{comm} {pid}: {each[0].get(pid, 0.0)} MB not from files after the first minute, {last} after the last"
            )
        return {"mb": found, "not_from_files_mb": own, "made": made, "lost": agent.lost(), "told": told, "each": each}
    finally:
        agent.stop()


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2000, help="how many sleep")
    parser.add_argument("--seconds", type=float, default=10, help="for how long the bomb forks")
    parser.add_argument("--cgroups", type=int, default=10_000, help="how many there are, one after the other")
    parser.add_argument("--pairs", type=int, default=0, help="measure only so many pairs of starts")
    parser.add_argument("--minutes", type=int, default=0, help="measure only the memory of so many minutes")
    parser.add_argument("--public", action="store_true", help="with --minutes: with the public stable rules, too")
    parser.add_argument("--every", nargs="+", default=[], metavar="TYPE", help="measure only rules on all such events")
    options = parser.parse_args()
    root = next((one for one in _CGROUPS if (one / "cgroup.procs").exists()), None)
    if root is None:
        sys.exit("there is no place for cgroups")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        program, victim = folder / "bounds", folder / "floods"
        for source, to in (("bounds.c", program), ("floods.c", victim)):
            subprocess.run(["gcc", "-O2", "-pthread", "-o", to, BENCH / source], check=True)
        if options.every:
            every = {kind: beside_every(victim, folder, kind, options.seconds) for kind in options.every}
            for kind, found in every.items():
                print(kind, *(f"{name}={value}" for name, value in found.items()))
            print(json.dumps({"bench": "bounds", "every": every}))
            return
        if options.minutes:
            print(json.dumps({"bench": "bounds", "minutes": by_minutes(program, folder, root, options)}))
            return
        if options.pairs:
            print(json.dumps({"bench": "bounds", "pairs": in_turn(program, options.processes, folder, options.pairs)}))
            return
        ready = {"alone": seconds_to_ready(folder)}
        agent = Agent(folder, [], [])
        loads = {
            "asleep": lambda: asleep(program, options.processes, folder, ready),
            "bomb": lambda: running([program, "bomb", options.seconds]),
            "cgroups": lambda: running([program, "cgroups", options.cgroups, root]),
        }
        figures = {}
        try:
            for number, (load, run) in enumerate(loads.items()):
                figures[load] = measure(agent, victim, number, run())
                print(load, *(f"{name}={value}" for name, value in figures[load].items()), flush=True)
        finally:
            agent.stop()
    print(f"ready: alone {ready['alone']} s, beside {options.processes} processes {ready['beside_them']} s")
    print(json.dumps({"bench": "bounds", "loads": figures, "ready": ready}))


if __name__ == "__main__":
    main()
