"""Measures the agent's overhead: remaining throughput, the agent's own CPU time, lost events, time until ready.

Each round runs every load without an agent and then with one, so that drift of the machine affects both equally; the
numbers are medians over the rounds. The agent's CPU time is that of its whole process tree; that of its start is told
apart from that of the loads: it ends ``--settle`` seconds after the agent is ready, and not before all its filters are
loaded and each load was there for a moment, since what rules ask for is compiled for the first event that needs it.
``--rules`` chooses the rules: the public stable ones, those that are shipped, or three on open, execve and connect.
``--agent`` names the command of another agent (and ``--ready`` the text that it prints when it is ready), to measure it
with the same script. *Caller* is the time of the load's own processes for one operation, as a multiple of that without
an agent, so without what the agent computes meanwhile; *of a core* is what the agent has of one until its rings are
empty. ``--flood`` tells how many events are lost while files are opened for so long.

In a guest, ``--engine`` chooses the driver; where its clock counts instructions, all is the same on a busy machine:

    script/kernels --icount linux-image-….deb --run ".venv/bin/python bench/overhead.py --engine modern_ebpf --cores 1
        --seconds 0.3 --rounds 1 --flood 2 --wait 1500"
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

BENCH = Path(__file__).resolve().parent
MODES = ("getppid", "openclose", "pipe", "file", "forkexec", "connect")
TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds of each load that belong to the start.
WARMS = 0.2
#: What the agent says once it has filters that come after it is ready: with the shipped rules it has.
FILTERED = "All filters are loaded"
#: The clock of what the scheduler gave to a process (include/linux/posix-timers_types.h).
CPUCLOCK_SCHED = 2
PUBLIC = BENCH.parent.parent / "shared/corpus/rules/falco_rules.yaml"
RULES = ("public", "shipped", "three")
THREE = "".join(
    f"- rule: {name}\n  desc: Nothing does it.\n  condition: {condition}\n  output: seen\n  priority: INFO\n"
    for name, condition in (
        ("A file is opened", "evt.type in (open, openat, openat2) and fd.name = /srv/falcohost-bench"),
        ("A program is started", "evt.type = execve and proc.name = falcohost-bench"),
        ("A peer is called", "evt.type = connect and fd.sport = 4711"),
    )
)


def tree(pid: int) -> list[int]:
    """Return *pid* and all its descendants."""
    pids, at = [pid], 0
    while at < len(pids):
        for children in Path(f"/proc/{pids[at]}/task").glob("*/children"):
            pids += map(int, children.read_text().split())
        at += 1
    return pids


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of the process tree at *pid* in seconds, as exact as the scheduler has it.

    Only that of processes that have ended and were reaped is counted in ticks.
    """
    total = 0.0
    for one in tree(pid):
        reaped = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[13:15]
        total += time.clock_gettime(~one << 3 | CPUCLOCK_SCHED) + sum(map(int, reaped)) / TICKS
    return total


def pss_mb(pid: int, key: str = "Pss") -> float:
    """Return the proportional set size of the process tree at *pid*, in MB; *key*: that or a part (proc(5))."""
    total = 0
    for one in tree(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        match = re.search(rf"^{key}:\s+(\d+)", text, re.MULTILINE)
        total += int(match.group(1)) if match else 0
    return total / 1024


class Agent:
    """A running agent; entered when it is ready."""

    def __init__(self, command: list[str], ready: str, wait: float = 60) -> None:
        self.command, self.ready, self.wait = command, ready, wait
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Agent:
        start = time.monotonic()
        # A file, not a pipe: nobody reads while the loads run, and the agent must not wait for that.
        self._log = Path(self._folder.name, "stderr")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=log)
        while self.ready not in self._log.read_text(errors="replace"):
            time.sleep(0.005)
            if self.process.poll() is not None or time.monotonic() - start > self.wait:
                self.process.kill()
                sys.exit(f"the agent did not get ready:\n{self._log.read_text(errors='replace')}")
        self.seconds_to_ready = time.monotonic() - start
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=self.wait)
        self.errors = self._log.read_text(errors="replace")
        self._folder.cleanup()

    def settle(self, seconds: float, said: str | None) -> None:
        """Wait so long, and until it has *said* something."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 or (said and said not in self._log.read_text(errors="replace")):
            time.sleep(max(left, 0.1))
            if time.monotonic() - end > self.wait:
                sys.exit(f"the agent did not say {said!r}:\n{self._log.read_text(errors='replace')}")

    @property
    def lost(self) -> int:
        """Return how many events it says that it lost (Falco says it with -v)."""
        return lost_events(self.errors)

    def lost_now(self) -> int:
        """Return how many events it says that it has lost, while it runs."""
        return lost_events(self._log.read_text(errors="replace"))


def lost_events(errors: str) -> int:
    """Return how many events were lost, by what an agent has logged."""
    found = re.findall(r"; (\d+) in total|received, (\d+) lost|Driver Drops:(\d+)", errors)
    return max((int(next(filter(None, one))) for one in found), default=0)


class Load(NamedTuple):
    """What a load has done: operations in all and a second, its own and the agent's CPU seconds an operation.

    *of_core* is the agent's part of a core meanwhile.
    """

    done: float
    rate: float
    own: float
    agent: float
    of_core: float


def own_seconds() -> float:
    """Return the CPU seconds of children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def load(program: Path, mode: str, seconds: float, cores: int, agent: Agent | None) -> Load:
    """Run *mode* on *cores* cores."""
    before, began = cpu_seconds(agent.process.pid) if agent else 0.0, time.monotonic()
    own = own_seconds()
    runs = [
        subprocess.Popen([program, mode, str(seconds), str(cpu)], stdout=subprocess.PIPE, text=True)
        for cpu in range(cores)
    ]
    done = rate = 0.0
    for run in runs:
        count, took = map(float, run.communicate()[0].split())
        done += count
        rate += count / took
    own = (own_seconds() - own) / done
    if agent is None:
        return Load(done, rate, own, 0.0, 0.0)
    time.sleep(0.3)  # what is still in the rings belongs to this load
    of_agent = cpu_seconds(agent.process.pid) - before
    return Load(done, rate, own, of_agent / done, of_agent / (time.monotonic() - began))


def measure(options: argparse.Namespace, program: Path) -> dict[str, object]:
    """Run all rounds; return the figures of every mode, and of the agent itself."""
    samples: dict[tuple[str, int], list[tuple[float, ...]]] = {}
    ready, pss, lost, flood, starts = [], [], [], [], []
    for number in range(options.rounds):
        plain = {
            (mode, cores): load(program, mode, options.seconds, cores, None)
            for mode in options.modes
            for cores in options.cores
        }
        with Agent(shlex.split(options.agent), options.ready, options.wait) as agent:
            ready.append(agent.seconds_to_ready)
            until_ready = cpu_seconds(agent.process.pid)
            agent.settle(options.settle, options.filtered)
            for mode in options.modes:
                load(program, mode, WARMS, 1, agent)
            starts.append((until_ready, cpu_seconds(agent.process.pid) - until_ready))
            pss.append(pss_mb(agent.process.pid))
            for (mode, cores), unwatched in plain.items():
                done = load(program, mode, options.seconds, cores, agent)
                figures = (
                    done.rate / unwatched.rate,
                    done.own / unwatched.own,
                    done.agent * 1e6,
                    done.of_core,
                )
                samples.setdefault((mode, cores), []).append(figures)
            if options.flood:
                before = agent.lost_now()
                done = load(program, "openclose", options.flood, max(options.cores), agent)
                time.sleep(options.flood + 10)  # the log tells of losses every few seconds
                flood.append({"opened": int(done.done), "lost": agent.lost_now() - before})
        lost.append(agent.lost)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    modes = {}
    for (mode, cores), rows in samples.items():
        kept, caller, cpu_us, of_core = (statistics.median(column) for column in zip(*rows, strict=True))
        modes[f"{mode}/{cores}"] = {
            "kept": round(kept, 3),
            "caller": round(caller, 3),
            "cpu_us": round(cpu_us, 2),
            "core": round(of_core, 4),
        }
    until_ready, after = (round(statistics.median(column), 2) for column in zip(*starts, strict=True))
    return {
        "ready_s": round(statistics.median(ready), 2),
        "start_cpu_s": until_ready,
        "settle_cpu_s": after,
        "pss_mb": round(statistics.median(pss), 1),
        "lost": lost,
        "flood": flood,
        "modes": modes,
    }


def command(rules: str, folder: Path, root: Path = BENCH.parent) -> str:
    """Return the command of a checkout's agent with these *rules* (:data:`RULES`), which are written to *folder*."""
    falcohost = root / ".venv/bin/falcohost"
    if rules == "shipped":
        return str(falcohost)
    file = PUBLIC
    if rules == "three":
        file = folder / "three.yaml"
        file.write_text(THREE)
    return f"{falcohost} -r {file}"


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", choices=RULES, default="public" if PUBLIC.exists() else "shipped")
    parser.add_argument("--agent", help="the command of another agent; with it --rules is only a name")
    parser.add_argument("--engine", help="the driver of falcohost's agent, in place of the usual")
    parser.add_argument("--flood", type=float, default=0, help="seconds of opening files in which losses are counted")
    parser.add_argument("--wait", type=float, default=60, help="seconds in which the agent has to be ready")
    parser.add_argument("--ready", default="Ready", help="what the agent prints on stderr once it watches")
    parser.add_argument("--settle", type=float, default=3, help="seconds after it is ready that belong to the start")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "load")
        subprocess.run(["gcc", "-O2", "-o", program, BENCH / "load.c"], check=True)
        options.filtered = FILTERED if options.rules == "shipped" and not options.agent else None
        options.agent = options.agent or command(options.rules, Path(folder))
        if options.engine:
            options.agent += f" -o engine.kind={options.engine} -o falcohost.source_timeout={options.wait:.0f}"
        figures = measure(options, program)
    print(f"{'load/cores':14} {'kept':>6} {'caller':>7} {'agent µs/op':>12} {'of a core':>10}")
    for name, row in figures["modes"].items():  # type: ignore[attr-defined]
        print(f"{name:14} {row['kept']:6.2f} {row['caller']:7.2f} {row['cpu_us']:12.2f} {row['core']:10.2%}")
    print(f"start: CPU {figures['start_cpu_s']} s until ready, {figures['settle_cpu_s']} s in the time after it")
    print(f"ready {figures['ready_s']} s, PSS {figures['pss_mb']} MB, lost {figures['lost']}, flood {figures['flood']}")
    print(json.dumps({"bench": "overhead", "agent": options.agent, "rules": options.rules, **figures}))


if __name__ == "__main__":
    main()
