"""A process of the agent that somebody puts into another cgroup is an alert."""

import os
import subprocess

import pytest

from falcohost.agent import AgentProcess
from falcohost.host.supervision.places import PAUSE, Places, cgroups_of
from falcohost.testing.clock import ManualClock
from falcohost.testing.freezing import freezers, frozen
from falcohost.testing.waiting import wait_until

SUPERVISOR, WORKER = AgentProcess(10, 1, "supervisor", ""), AgentProcess(11, 1, "worker", "syscall")
HOME, FROZEN = b"5:freezer:/\n0::/agent\n", b"5:freezer:/frozen\n0::/agent\n"


class Machine:
    """Has the cgroups of processes, and the alerts that were raised."""

    def __init__(self):
        self.cgroups, self.alerts, self.clock = {10: HOME, 11: HOME}, [], ManualClock()
        raise_alert = lambda *alert: self.alerts.append(alert)  # noqa: E731
        self.places = Places(raise_alert, self.clock, lambda pid, before: self.cgroups.get(pid, b""))

    def look(self, *processes):
        """Have a look a second later; return what was said."""
        self.clock.advance(PAUSE)
        self.alerts.clear()
        self.places.look(processes)
        return [text for _, _, text, _ in self.alerts]


def test_a_process_is_moved():
    """That is told once, with the process and where it is; so is the way back."""
    machine = Machine()
    assert [] == machine.look(SUPERVISOR, WORKER)
    machine.cgroups[11] = FROZEN
    told = "somebody has put process 11 (worker of syscall) into another cgroup: freezer:/frozen"
    assert [told] == machine.look(SUPERVISOR, WORKER)
    assert [] == machine.look(SUPERVISOR, WORKER)
    machine.cgroups[11] = HOME
    assert ["somebody has put process 11 (worker of syscall) into another cgroup: freezer:/"] == machine.look(WORKER)


def test_processes_that_come_and_go():
    """A new one, or one that has ended, is no news, nor is another one with the same pid."""
    machine = Machine()
    machine.look(SUPERVISOR, WORKER)
    machine.cgroups.pop(11)
    assert [] == machine.look(SUPERVISOR, WORKER)
    machine.cgroups[11] = FROZEN
    assert [] == machine.look(SUPERVISOR, AgentProcess(11, 2, "worker", "syscall"))


def test_a_look_is_rare():
    """It reads files of each process, so it comes once a second."""
    machine = Machine()
    machine.look(WORKER)
    machine.cgroups[11] = FROZEN
    machine.places.look([WORKER])
    assert [] == machine.alerts


def test_a_path_with_control_characters():
    """It is printable, and short."""
    machine = Machine()
    machine.look(WORKER)
    machine.cgroups[11] = b"0::/\x1b[2J" + b"x" * 5000
    (text,) = machine.look(WORKER)
    assert text.isprintable()
    assert len(text) < 300


def test_cgroups_of_a_process():
    """They are those that the kernel says; one that is not there has none."""
    assert (there := cgroups_of(1))
    assert there == cgroups_of(1, there) == cgroups_of(1, b"0::/elsewhere")
    assert b"" == cgroups_of(1 << 30)


def test_a_process_that_ends():
    """One that nobody has waited for yet has left its cgroups by itself."""
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert b"" == cgroups_of(child.pid)
    child.wait()


@pytest.mark.skipif(os.geteuid() != 0 or not freezers(), reason="only root may freeze, and not everywhere")
def test_a_process_that_was_killed_while_it_was_frozen():
    """It counts as ending, though it may take its signal only once the supervisor has put it elsewhere."""
    for root in freezers():
        with subprocess.Popen(["sleep", "1000"]) as process, frozen(process.pid, root):
            assert b"" != cgroups_of(process.pid)
            process.kill()
            wait_until(lambda process=process: cgroups_of(process.pid) == b"")
