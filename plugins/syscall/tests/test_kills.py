"""The worker is killed again and again: every read of a file is told, once, as if it had not been killed."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.freezing import freezers, frozen
from falcohost.testing.waiting import wait_until

#: Kills in the long and in the short form, and reads for each of them.
KILLS, READS = (300, 11), 7

RULES = """
- rule: Shadow read
  desc: Somebody has read the file.
  condition: evt.type in (open, openat) and fd.name = /etc/shadow and proc.exepath contains kills-
  output: >
    read | %proc.exepath | %proc.name %proc.cmdline %proc.pname %proc.pcmdline %proc.aname[2] %proc.aname[3]
    %proc.sname %proc.cwd %container.id %thread.cgroups %user.name %user.loginuid
  priority: WARNING
- rule: Shell looks
  desc: Makes shells known before their children are.
  condition: evt.type in (open, openat) and fd.name = /etc/hostname and proc.name = kills-shell
  output: looked | %proc.exepath
  priority: NOTICE
"""

#: What may differ between two reads: the name of the reader, which has its number, and times.
_SAME = ("proc.pname", "proc.pcmdline", "proc.aname[2]", "proc.aname[3]", "proc.sname", "proc.cwd", "container.id")


@pytest.fixture(scope="module")
def folder(open_folder):
    """Return a folder with the rules and a shell."""
    folder = open_folder / "kills"
    folder.mkdir(mode=0o755)
    (folder / "rules.yaml").write_text(RULES)
    shutil.copy("/bin/sh", folder / "kills-shell")
    return folder


@pytest.fixture(scope="module")
def start(start_agent, folder):
    """Return a function that starts an agent that tells of reads of /etc/shadow, each by itself."""
    return lambda: start_agent(folder / "rules.yaml", settings={"falcohost": {"fold": {"enabled": False}}})


@pytest.fixture(scope="module")
def agent(start):
    """Return the agent that the tests share."""
    return start()


class Killer:
    """Kills the worker of an agent at random moments, in a thread."""

    def __init__(self, agent, syscall_worker, kills):
        self.killed = 0
        self._agent, self._worker = agent, syscall_worker
        self._random = random.Random(kills)
        self._kills = kills
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()

    @property
    def is_done(self):
        """Return whether all kills are done."""
        return self.killed == self._kills

    def _run(self):
        while not self.is_done:
            time.sleep(self._random.random() * 0.5)
            os.kill(self._worker(self._agent.process.pid), signal.SIGKILL)
            self.killed += 1


def reader(folder: Path, number: int | str) -> Path:
    """Return a copy of cat that is called by its number."""
    program = folder / f"kills-{number}"
    shutil.copy("/bin/cat", program)
    return program


def read(folder: Path, number: int | str) -> Path:
    """Have a program, which a shell starts, read the file; return the program."""
    program = reader(folder, number)
    line = f"read _ < /etc/hostname; {program} /etc/shadow > /dev/null; true"
    subprocess.run([folder / "kills-shell", "-c", line], check=True, cwd="/usr")
    program.unlink()
    return program


def told(agent) -> dict[str, list[dict]]:
    """Return the fields of the alerts about reads, by program."""
    found: dict[str, list[dict]] = {}
    for alert in agent.alerts:
        if alert["rule"] == "Shadow read":
            found.setdefault(alert["output_fields"]["proc.exepath"], []).append(alert["output_fields"])
    return found


def wait_for(agent, programs) -> dict[str, list[dict]]:
    """Wait until all reads are told; return them."""
    names = {str(program) for program in programs}
    wait_until(lambda: names <= told(agent).keys(), lambda: f"not told: {names - told(agent).keys()}")
    return {name: fields for name, fields in told(agent).items() if name in names}


def test_every_read_is_told_once(agent, folder, syscall_worker, soak):
    """Of all reads none is missing and none comes twice, each with the facts that it has without kills."""
    kills = soak(*KILLS)
    usual = wait_for(agent, [read(folder, f"usual-{number}") for number in range(2)])
    dice, programs = random.Random(1), []
    with Killer(agent, syscall_worker, kills) as killer:
        while len(programs) < READS * kills or not killer.is_done:
            programs.append(read(folder, len(programs)))
            time.sleep(dice.random() * 0.05)
    found = wait_for(agent, programs)
    wait_for(agent, [read(folder, "last")])  # behind what might come twice

    assert {} == {name: len(fields) for name, fields in told(agent).items() if len(fields) != 1}
    assert len(found) == len(programs) >= READS * kills
    facts = Counter(tuple(fields[0][name] for name in _SAME if "cmdline" not in name) for fields in found.values())
    (expected,) = {tuple(fields[0][name] for name in _SAME if "cmdline" not in name) for fields in usual.values()}
    assert {expected: len(programs)} == dict(facts)
    assert "kills-shell" == expected[0]
    for name, fields in found.items():
        assert f"{Path(name).name} /etc/shadow" == fields[0]["proc.cmdline"]
        assert name in fields[0]["proc.pcmdline"]


def test_all_is_over_before_the_next_worker(agent, folder, syscall_worker, container_cgroup):
    """Of a process in a container whose shell was told of before, and that has ended with it, all is known."""
    line = "echo $$ > $0/cgroup.procs; exec $1 -c 'read _ < /etc/hostname; read _; $0 /etc/shadow > /dev/null; true' $2"
    program = reader(folder, "over")
    command = ["/bin/sh", "-c", line, container_cgroup, folder / "kills-shell", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as shell:
        looked = len([alert for alert in agent.alerts if alert["rule"] == "Shell looks"])
        wait_until(lambda: len([one for one in agent.alerts if one["rule"] == "Shell looks"]) >= looked)
        time.sleep(1)  # the shell is stored, and the position behind it
        worker = syscall_worker(agent.process.pid)
        os.kill(worker, signal.SIGSTOP)
        shell.communicate(b"\n")
    with contextlib.suppress(ProcessLookupError):  # it may be replaced already
        os.kill(worker, signal.SIGKILL)
    ((fields,),) = wait_for(agent, [program]).values()

    assert ("kills-shell", container_cgroup.name[:12]) == (fields["proc.pname"], fields["container.id"])


def test_killed_between_reading_and_storing(agent, folder, syscall_worker):
    """What was sent to a store that has not taken it yet is read again by the next worker, and stored once."""
    programs = []
    for number in range(5):
        worker = syscall_worker(agent.process.pid)
        os.kill(agent.process.pid, signal.SIGSTOP)  # the store's process
        programs.append(read(folder, f"between-{number}"))
        time.sleep(0.3)  # the worker has read it and has sent its alert
        os.kill(worker, signal.SIGKILL)
        os.kill(agent.process.pid, signal.SIGCONT)
        wait_for(agent, programs)
    wait_for(agent, [read(folder, "between-last")])  # behind what might come twice

    assert {1} == {len(fields) for fields in wait_for(agent, programs).values()}


def test_a_worker_that_is_stopped(agent, folder, syscall_worker):
    """It is replaced at once, with an alert, and what happened meanwhile is told."""
    worker = syscall_worker(agent.process.pid)
    os.kill(worker, signal.SIGSTOP)
    program = read(folder, "stopped")
    assert {1} == {len(fields) for fields in wait_for(agent, [program]).values()}

    alert = agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: source stalled")
    assert "its worker was stopped by a signal; its worker is replaced" in alert["output"]
    assert "Critical" == alert["priority"]


def test_a_worker_that_is_frozen(start, folder, syscall_worker):
    """It is replaced within moments, though it does not take any signal, and what happened meanwhile is told."""
    if not freezers():
        skip_or_fail("bpf", "no cgroups that can freeze are mounted")
    agent = start()
    worker = syscall_worker(agent.process.pid)
    with frozen(worker, freezers()[0]):
        program = read(folder, "frozen")
        assert {1} == {len(fields) for fields in wait_for(agent, [program]).values()}
        alert = agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: source stalled")
        assert "its worker was stopped by the freezer of its cgroup; its worker is replaced" in alert["output"]
        wait_until(lambda: not Path(f"/proc/{worker}").exists())


@pytest.mark.parametrize(("how", "says"), [("KILL", "was killed by SIGKILL"), ("STOP", "was stopped by SIGSTOP")])
def test_a_helper_that_is_ended(agent, folder, syscall_worker, children, how, says):
    """The worker, which cannot read /proc without it, is replaced at once; what happens meanwhile is told."""
    worker = syscall_worker(agent.process.pid)
    (helper,) = children(worker)
    os.kill(helper, signal.Signals[f"SIG{how}"])
    program = read(folder, f"helper-{how}")

    assert {1} == {len(fields) for fields in wait_for(agent, [program]).values()}
    agent.wait_for_log(lambda log: f"worker failed: its helper 'proc' {says}; starting it again at once" in log)
    assert worker != syscall_worker(agent.process.pid)


def test_a_worker_that_is_put_into_another_cgroup(agent, syscall_worker, container_cgroup, service_cgroup):
    """It could be frozen there: that is an alert."""
    worker, groups = syscall_worker(agent.process.pid), itertools.cycle([container_cgroup, service_cgroup])

    def is_told() -> bool:
        (next(groups) / "cgroup.procs").write_text(str(worker))
        time.sleep(0.5)
        told = f"somebody has put process {worker} (worker of syscall) into another cgroup"
        return any(told in alert["output"] for alert in agent.alerts)

    wait_until(is_told)
    os.kill(worker, signal.SIGKILL)  # so that the cgroups can be removed


def test_an_end_is_an_alert(agent):
    """A worker that is killed is an alert at once."""
    killed = agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: worker ended")

    assert ("Critical", "syscall") == (killed["priority"], killed["output_fields"]["source"])


def test_a_loader_that_is_killed(start, folder, syscall_worker):
    """It is an alert, everything is loaded anew, and what happens meanwhile is told, if only by what it has left."""
    agent = start()  # another one, since alerts about the same source are rare
    worker = syscall_worker(agent.process.pid)
    (loader,) = [pid for pid in agent.workers() if pid != worker and is_loader(pid)]
    os.kill(loader, signal.SIGKILL)
    programs = []
    while syscall_worker(agent.process.pid) == worker:
        programs.append(read(folder, f"unloaded-{len(programs)}"))
        time.sleep(0.1)
    programs.append(read(folder, "loaded"))

    assert len(wait_for(agent, programs)) == len(programs)
    agent.wait_for(lambda alert: "the loader of event source" in alert["output"])
    assert 0 == agent.stop()


def is_loader(pid: int) -> bool:
    """Return whether a process has programs of the probe."""
    return any("bpf-prog" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())


RENAMES = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, b"sshd", 0, 0, 0)
print("renamed", flush=True)
sys.stdin.readline()
open("/etc/shadow").read()
"""


def test_a_name_that_was_taken_before_the_restart(agent, folder, syscall_worker):
    """A process that calls itself sshd and has the worker killed is still what it was started as."""
    python = folder / "kills-python"
    shutil.copy(os.path.realpath(sys.executable), python)
    with subprocess.Popen([python, "-ISc", RENAMES], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        worker = syscall_worker(agent.process.pid)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: syscall_worker(agent.process.pid) != worker)
        agent.wait_for_log(lambda log: f"(pid {worker}): worker failed" in log)
        process.communicate(b"\n")
    ((fields,),) = wait_for(agent, [python]).values()

    assert "kills-python" == fields["proc.name"]
