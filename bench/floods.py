"""Measures what quiet floods by one user cost the alerts about another.

The floods (floods.c) match no rule, but each passes the filters of one, or has the probe send something else. While
each runs, and then while all run at once, root reads /etc/shadow by a new process four times a second. Prints for each
flood how many of these reads were told, how many within two seconds, the slowest, what was lost and by which cause, and
how much memory the agent took at most. Who reads the alerts goes before all others where processors are short, as if it
were on another host. Exits with 1 if a read was not told within two seconds, or a ring was full.

The long form of ten minutes: ``script/bench floods --floods --together 600``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from overhead import pss_mb

BENCH = Path(__file__).resolve().parent
FALCOHOST = BENCH.parent / ".venv/bin/falcohost"
SOON = 2.0
RULES = """
- rule: Shadow
  desc: The victim.
  condition: evt.type in (open, openat) and fd.name = /etc/shadow and user.uid = 0
  output: read %proc.cmdline
  priority: NOTICE
- rule: Never
  desc: What the floods do passes its filters and never matches.
  condition: >
    (evt.type in (open, openat) and fd.name contains never-there and proc.cwd contains never-there)
    or (evt.type in (rename, renameat) and evt.arg.newpath contains never-there)
    or (evt.type = execve and (proc.cmdline contains never-there or proc.aname[3] = never-there))
    or (evt.type = sendmmsg and evt.buffer contains never-there)
  output: never
  priority: NOTICE
"""


@dataclass
class Told:
    """When each of the victim's marks was read, and when it was told of."""

    read: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    loss_alerts: int = 0


def go_first() -> None:
    """Have the kernel give this process, and its session, a processor at once."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("-20")


def go_on() -> None:
    """Have the process that is about to be executed wait for a processor like others."""
    os.setpriority(os.PRIO_PROCESS, 0, 0)


class Agent:
    """A running agent whose alerts are read as they come."""

    def __init__(self, folder: Path, before: list[str], settings: list[str], more: str = "") -> None:
        self.told = Told()
        rules, self._state, self._log = folder / "rules.yaml", folder / "state", folder / "stderr"
        rules.write_text(RULES + more)
        command = [
            *before,
            FALCOHOST,
            "-r",
            rules,
            "-o",
            "json_output=true",
            "-o",
            f"falcohost.state_dir={self._state}",
            *(part for setting in settings for part in ("-o", setting)),
        ]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, start_new_session=True, preexec_fn=go_on
            )
        while "Ready" not in self.log:
            if self.process.poll() is not None:
                sys.exit(self.log)
            time.sleep(0.05)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def log(self) -> str:
        """Return its log so far."""
        return self._log.read_text(errors="replace")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            now = time.time()
            if not line.startswith(b"{"):
                continue
            alert = json.loads(line)
            for mark in re.findall(r"mark-\d+", alert["output"]):
                self.told.told.setdefault(mark, now)
            self.told.loss_alerts += "event drop" in alert["rule"]

    def lost(self) -> dict[str, int]:
        """Return what the source has lost so far, by cause."""
        command = [FALCOHOST, "stats", "--state-dir", self._state, "--json"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        sources = json.loads(found)["sources"] if found.startswith("{") else []
        lost = next((source["lost"] for source in sources if source["name"] == "syscall"), {})
        return {cause: count for cause, count in lost.items() if count}

    def stop(self) -> None:
        """Stop it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self._reader.join()


def measure(agent: Agent, program: Path, floods: list[str], seconds: float, folder: Path) -> dict[str, object]:
    """Run *floods* at once for so many *seconds*; return the figures."""
    before, first = agent.lost(), len(agent.told.read)
    place = folder / "place"
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    running = [
        subprocess.Popen([program, flood], cwd=place, stdout=subprocess.PIPE, start_new_session=True, preexec_fn=go_on)
        for flood in floods
    ]
    most, began, ended = 0.0, time.time(), time.monotonic() + seconds
    while time.monotonic() < ended:
        mark = f"mark-{len(agent.told.read)}"
        victim = [program, "victim", mark]
        read = subprocess.run(victim, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=go_on)
        agent.told.read[mark] = float(read.stdout)
        most = max(most, pss_mb(agent.process.pid))
        time.sleep(0.25)
    time.sleep(SOON)
    for flood in running:
        os.killpg(flood.pid, signal.SIGTERM)
    made = sum(int(word) for flood in running for word in flood.communicate()[0].split())
    marks = list(agent.told.read)[first:]
    end = time.monotonic() + 60
    while time.monotonic() < end and not agent.told.told.keys() >= set(marks):
        time.sleep(0.1)
    shutil.rmtree(place)
    slow = {mark: agent.told.told[mark] - agent.told.read[mark] for mark in marks if mark in agent.told.told}
    now = agent.lost()
    return {
        "made": made,
        "read": len(marks),
        "told": len(slow),
        "soon": sum(late <= SOON for late in slow.values()),
        "slowest": round(max(slow.values(), default=0.0), 2),
        "late": {round(agent.told.read[mark] - began, 1): round(late, 2) for mark, late in slow.items() if late > SOON},
        "lost": {cause: count - before.get(cause, 0) for cause, count in now.items() if count > before.get(cause, 0)},
        "pss_mb": round(most, 1),
    }


def show(name: str, found: dict[str, object]) -> None:
    """Print one row of the table."""
    lost = ", ".join(f"{cause} {count}" for cause, count in dict(found["lost"]).items()) or "-"  # type: ignore[call-overload]
    told = f"{found['told']} of {found['read']}"
    first = f"{name:16} {found['made']:>9} {told:>12} {found['soon']:>6}"
    print(f"{first} {found['slowest']:>7} {found['pss_mb']:>7}  {lost}", flush=True)
    for when, late in dict(found["late"]).items():  # type: ignore[call-overload]
        print(f"  read {when} s after the flood began, told {late} s later")


def main() -> None:
    """Print a table, then one line of JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        program = folder / "floods"
        source = BENCH / "floods.c"
        subprocess.run(["gcc", "-O2", "-pthread", "-o", program, source], check=True)
        every = re.findall(r'^\t?\{"(\w+)"|, \{"(\w+)"', source.read_text(), re.MULTILINE)
        names = [one or other for one, other in every]
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--floods", nargs="*", default=names, choices=names, help="those that run alone")
        parser.add_argument("--seconds", type=float, default=10, help="for how long each runs alone")
        parser.add_argument("--together", type=float, default=180, help="for how long all run at once")
        parser.add_argument("--before", default="", help="starts the agent, for example: nice -n -10")
        parser.add_argument("--set", action="append", default=[], metavar="KEY=VAL", help="a setting of the agent")
        options = parser.parse_args()
        go_first()
        agent = Agent(folder, options.before.split(), options.set)
        figures: dict[str, dict[str, object]] = {}
        print("flood                 made         told   soon slowest  MB PSS  lost")
        try:
            for flood in options.floods:
                figures[flood] = measure(agent, program, [flood], options.seconds, folder)
                show(flood, figures[flood])
            if options.together:
                figures["together"] = measure(agent, program, names, options.together, folder)
                show("together", figures["together"])
        finally:
            agent.stop()
        alerts = agent.told.loss_alerts
    print(f"alerts about losses: {alerts}")
    print(json.dumps({"floods": figures, "loss_alerts": alerts}))
    full = any(cause.endswith("ring_full") for row in figures.values() for cause in dict(row["lost"]))  # type: ignore[call-overload]
    sys.exit(full or any(row["soon"] != row["read"] for row in figures.values()))


if __name__ == "__main__":
    main()
