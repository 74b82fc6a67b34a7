"""A flood of matching calls on all processors: it is counted, and the alerts of other rules come while it goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from falcohost.testing.agent import Agent
from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.processes.table import LIMIT

RULES = """
- rule: Flood
  desc: The flooded file is opened.
  condition: evt.type in (open, openat) and fd.name startswith "{folder}/flooded"
  output: flooded | file=%fd.name process=%proc.name command=%proc.cmdline user=%user.name
  priority: NOTICE

- rule: Other file
  desc: Another file is opened.
  condition: evt.type in (open, openat) and fd.name startswith "{folder}/other-"
  output: other file | file=%fd.name
  priority: NOTICE

- rule: Other program
  desc: A program is started.
  condition: evt.type = execve and proc.exepath startswith "{folder}/program"
  output: other program | file=%proc.exepath arguments=%proc.args
  priority: NOTICE
"""

#: Alerts of one rule in a window of ten seconds that are not folded, of one process and of all together.
MOST_OF_ONE, MOST_OF_ALL = 1000, 10_000

#: How a flood is made, and how many of its alerts are not folded in a window.
FLOODS = {
    "one file": ([], MOST_OF_ONE * os.cpu_count()),
    "different files": (["different"], MOST_OF_ONE * os.cpu_count()),
    "many processes": (["forks"], MOST_OF_ALL),
}


#: Bytes that a process in the table takes, with what belongs to it.
PROCESS = 800


@dataclass(frozen=True)
class Flood:
    """A flood that has ended: how many opens, in how many seconds; how many other events, and alerts about them."""

    opens: int
    seconds: float
    others: int
    told: int


@dataclass(frozen=True)
class Floods:
    """The floods by name, one after the other, under an agent that has ended; its memory grew by so many MiB."""

    agent: Agent
    flood: dict[str, Flood]
    grown: float

    def alerts(self) -> list[dict]:
        """Return the output fields of the alerts about floods."""
        return [alert["output_fields"] for alert in self.agent.alerts if alert["rule"] == "Flood"]


def memory(pids):
    """Return the resident memory of all of them, in MiB."""
    status = "".join(Path(f"/proc/{pid}/status").read_text() for pid in pids)
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


class Others:
    """Events that have nothing to do with the flood, and the alerts about them."""

    def __init__(self, agent, folder, name):
        self.made, self.told = [], set()
        self._folder, self._name = folder, name.replace(" ", "-")
        self._alerts = agent.follow(2 * PATIENCE)

    def make(self):
        """Open another file and start another program; return what the outputs of their alerts end with."""
        name = f"{self._name}-{len(self.made)}"
        with pytest.raises(FileNotFoundError):
            os.open(f"{self._folder}/other-{name}", os.O_RDONLY)
        subprocess.run([self._folder / "program", name], check=True)
        self.made += [f"other file | file={self._folder}/other-{name}", f"arguments={name}"]
        return self.made[-2:]

    def read_until(self, wanted):
        """Read alerts until there is one of those that are *wanted*, or there is none to be expected."""
        for alert in self._alerts:
            if alert["rule"] != "Flood":
                self.told.update(text for text in self.made if alert["output"].endswith(text))
            if self.told & set(wanted):
                return
        raise AssertionError(f"no alert about any of {wanted}")

    def read_to_the_end(self):
        """Read the alerts about all that was made: to that about something made later, of which some may be lost."""
        later, over = [], threading.Event()

        def go_on():
            while not over.is_set():
                later.extend(self.make())
                over.wait(0.2)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            self.read_until(later)
        finally:
            over.set()
            thread.join()


def flooded(program, agent, folder, name, pauses, measure):
    """Flood until events that come after each of the *pauses* have alerted; *measure* is called each time."""
    others, begun = Others(agent, folder, name), time.monotonic()
    command = [program, folder / f"flooded {name} ", *FLOODS[name][0]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as running:
        try:
            for pause in pauses:
                time.sleep(pause)
                others.make()
                measure()
            others.read_until(others.made)
        finally:
            os.killpg(running.pid, signal.SIGTERM)
        opens = sum(map(int, running.communicate()[0].split()))
    made = len(others.made)
    others.read_to_the_end()
    told = len(others.told & set(others.made[:made]))
    print(f"{name}: {opens} opens; {told} of {made} other alerts")
    return Flood(opens, time.monotonic() - begun, made, told)


@pytest.fixture(scope="module")
def floods(start_agent, compiled, children, soak, tmp_path_factory):
    """Run all floods under an agent."""
    folder = tmp_path_factory.mktemp("flood")
    rules = folder / "rules.yaml"
    rules.write_text(RULES.format(folder=folder))
    shutil.copy("/bin/true", folder / "program")
    for name in FLOODS:
        (folder / f"flooded {name} ").touch()
    agent, program = start_agent(rules), compiled("flood.c")
    pids = [agent.process.pid, *children(agent.process.pid)]
    used = [memory(pids)]
    pauses = soak([3.0] * 20, [0.4] * 4)
    found = {name: flooded(program, agent, folder, name, pauses, lambda: used.append(memory(pids))) for name in FLOODS}
    assert agent.stop() == 0
    return Floods(agent, found, max(used) - used[0])


def lost(log):
    """Return how many events the agent says that it has lost: of those who flood, and of all."""
    return sum(map(int, re.findall(r"\bflood: (\d+)", log))), max(
        map(int, re.findall(r"; (\d+) in total", log)), default=0
    )


def test_other_rules_alert(floods):
    """Opens and programs that start during a flood alert, the first of them while it goes on.

    Where others use the machine, now and then one is lost, and counted.
    """
    others = sum(flood.others for flood in floods.flood.values())

    assert sum(flood.told for flood in floods.flood.values()) > 0.75 * others


@pytest.mark.parametrize("name", FLOODS)
def test_few_alerts(floods, name):
    """The opens of the flood are told in few alerts."""
    windows = floods.flood[name].seconds // 10 + 2
    told = [fields for fields in floods.alerts() if f"/flooded {name}" in str(fields["fd.name"])]

    assert 0 < len(told) <= FLOODS[name][1] * 1.02 * windows  # and the alerts that count


def test_each_is_counted(floods):
    """Each open of the floods is counted, in alerts or as lost; others on this machine may lose something too."""
    count = sum(each.get("falcohost.count", 1) for each in floods.alerts())
    flooding, everything = lost(floods.agent.log)
    opens = sum(flood.opens for flood in floods.flood.values())
    print(f"{opens} opens, {count} counted in alerts, {flooding} lost of {everything}")

    assert count <= opens <= count + everything
    assert count + flooding <= 1.01 * opens  # others in its cgroup may have lost some too


def test_memory(floods):
    """The agent does not grow, unless ends of processes are lost: then by those that its table holds at most."""
    lost_ends = "proc_ring_full" in floods.agent.log

    assert floods.grown < 32 + (LIMIT * PROCESS / (1 << 20) if lost_ends else 0)
