"""The agent and the source with Falco's kernel module, where it can be loaded: alerts, kills, reloads, losses."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost import Plan, SourceError
from falcohost.settings import AGENT_PID
from falcohost.testing import skip_or_fail
from falcohost.testing.agent import READY, Agent
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.kmod import module
from falcohost_syscall.source import SyscallSource

RULES = """
- rule: Read
  desc: A file of the test was opened.
  condition: evt.type in (open, openat) and fd.name startswith {folder}/read and evt.is_open_read = true
  output: read | %fd.name %proc.exepath %proc.pname %proc.cmdline %user.uid
  priority: NOTICE
- rule: Read on
  desc: Something was read from a descriptor that was open before the agent was.
  condition: evt.type = read and fd.name = {folder}/before and evt.rawres > 0
  output: read on | %fd.name %proc.name
  priority: NOTICE
"""
MORE = """
- rule: Made
  desc: A folder was made.
  condition: evt.type in (mkdir, mkdirat) and evt.arg.path contains {folder}/made
  output: made | %evt.type %proc.name
  priority: NOTICE
"""
#: Opens this many files as fast as it can.
FLOOD = "import os\nfor _ in range({count}):\n os.close(os.open('/etc/hostname', 0))"


@pytest.fixture(scope="module")
def loaded() -> str:
    """Return the name of the module; skip where it cannot be loaded."""
    try:
        return module.load()
    except SourceError as error:
        skip_or_fail("kmod", str(error))


@pytest.fixture(scope="module")
def folder(open_folder) -> Path:
    """Return a folder for the files that rules name."""
    folder = open_folder / "kmod"
    folder.mkdir(mode=0o755)
    (folder / "before").write_text("first\nsecond\n")
    return folder


@pytest.fixture(scope="module")
def reader(folder):
    """Return a process that has opened a file before the agent began; it reads a byte for each line that comes."""
    program = f"import os, sys\nfile = os.open('{folder}/before', 0)\nprint(flush=True)\n"
    program += "for line in sys.stdin: os.read(file, 1)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    yield process
    process.communicate()


@pytest.fixture(scope="module")
def agent(loaded, reader, folder, tmp_path_factory):
    """Return an agent that watches with the kernel module."""
    rules = folder / "rules.yaml"
    rules.write_text(RULES.format(folder=folder))
    agent = Agent(tmp_path_factory.mktemp("agent"), [rules], settings={"engine": {"kind": "kmod"}})
    agent.wait_until_ready()
    yield agent
    agent.kill()


def read_with(folder: Path, name: str) -> str:
    """Read a file with a copy of cat called *name*, and return the path that was read."""
    program, file = folder / name, folder / f"read-{name}"
    shutil.copy("/bin/cat", program)
    file.write_text("")
    subprocess.run([program, file], check=True)
    return str(file)


def is_about(text: str):
    """Return a function that says whether an alert's output has this text."""
    return lambda alert: text in alert["output"]


def with_device(agent: Agent, name: str) -> list[int]:
    """Return the agent's processes that have a device of the module, but the supervisor."""

    def has(pid: int) -> bool:
        try:
            return any(str(link.readlink()).startswith(f"/dev/{name}") for link in Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            return False

    return [pid for pid in agent.processes() if has(pid)]


def mapped(pid: int, name: str) -> set[str]:
    """Return how a process has mapped the module's devices."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        return {line.split()[1] for line in lines if f" /dev/{name}" in line}
    return set()


def worker_of(agent: Agent, name: str) -> int:
    """Wait for the process that has mapped the rings, and has no device, and return its id."""
    found: list[int] = []

    def is_there() -> bool:
        loaders = with_device(agent, name)
        found[:] = [pid for pid in agent.processes() if pid not in loaders and mapped(pid, name)]
        return bool(found)

    wait_until(is_there)
    return found[0]


def capabilities(pid: int) -> int:
    """Return the effective capabilities of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapEff")), 16)


def test_a_read_is_an_alert(agent, folder):
    """An opened file is an alert, with the process, its program, its parent and its user."""
    file = read_with(folder, "one")
    alert = agent.wait_for(is_about(f"read | {file} "))

    fields = alert["output_fields"]
    assert (str(folder / "one"), f"one {file}", 0) == tuple(
        fields[name] for name in ("proc.exepath", "proc.cmdline", "user.uid")
    )
    assert Path("/proc/self/comm").read_text().strip() == fields["proc.pname"]


def test_descriptors_from_before_are_known(agent, reader, folder):
    """A process that ran before the agent reads from the file that it had opened then."""
    reader.stdin.write("\n")
    reader.stdin.flush()

    assert agent.wait_for(is_about(f"read on | {folder}/before "))


def test_nobody_has_rights(agent, loaded):
    """Loader and worker have no capability, nor root's user; the worker has no device, and may not write to rings."""
    worker, loaders = worker_of(agent, loaded), with_device(agent, loaded)

    assert 1 == len(loaders)
    assert [0, 0] == [capabilities(pid) for pid in (worker, *loaders)]
    assert 0 not in [Path(f"/proc/{pid}").stat().st_uid for pid in (worker, *loaders)]
    assert {"r--s"} == mapped(worker, loaded)


def test_kills_of_the_worker_lose_nothing(agent, loaded, folder):
    """What happens around the end of a worker is told by the next one, once."""
    files, workers = [], []
    for number in range(3):
        workers.append(worker_of(agent, loaded))
        files.append(read_with(folder, f"before{number}"))
        os.kill(workers[-1], signal.SIGKILL)
        files.append(read_with(folder, f"after{number}"))
        wait_until(lambda: worker_of(agent, loaded) not in workers)
    for file in files:
        agent.wait_for(is_about(f"read | {file} "))

    assert 3 == len({*workers})
    assert [1] * len(files) == [sum(map(is_about(f"read | {file} "), agent.alerts)) for file in files]


def test_new_rules_get_their_calls(agent, folder):
    """After a reload, calls are collected that no rule asked for before."""
    (folder / "rules.yaml").write_text((RULES + MORE).format(folder=folder))
    agent.process.send_signal(signal.SIGHUP)

    def told() -> bool:
        for way in (os.mkdir, os.rmdir):
            way(folder / "made")
        return any(map(is_about("made | mkdir "), agent.alerts))

    wait_until(told)
    assert agent.wait_for(is_about(f"read | {read_with(folder, 'later')} "))


def test_it_ends_with_its_agent(agent, loaded):
    """An agent that stops leaves no consumer in the module."""
    assert 0 == agent.stop()
    wait_until(lambda: Path(f"/sys/module/{loaded}/refcnt").read_text().strip() == "0")


def test_an_agent_that_starts_anew_in_place_reads_on(loaded, folder, tmp_path):
    """After a restart in place, rings are read on and given back: several times their size passes without a loss."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(folder=folder))
    settings = {"engine": {"kind": "kmod", "kmod": {"buf_size_preset": 1}}}
    agent = Agent(tmp_path, [rules], settings=settings)
    try:
        agent.wait_until_ready()
        config = tmp_path / "falco.yaml"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"falco_libs": {"snaplen": 200}}))
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for_log(lambda log: log.count(READY) == 2)
        assert "The rings of an earlier agent are read on." in agent.log
        assert 1 == len(with_device(agent, loaded))
        for number in range(40):
            subprocess.run([sys.executable, "-c", FLOOD.format(count=500)], check=True)
            agent.wait_for(is_about(f"read | {read_with(folder, f'anew{number}')} "))
    finally:
        agent.kill()


def test_losses_are_counted(loaded):
    """What a full ring has no room for is counted by its cause, and reading goes on."""
    nobody = 1 << 22  # so that what this process does is an event
    source = SyscallSource({"engine": {"kind": "kmod", "kmod": {"buf_size_preset": 1}}, AGENT_PID: nobody})
    source.open(Plan("syscall", frozenset({"openat"})), None)
    try:
        subprocess.run([sys.executable, "-c", FLOOD.format(count=20000)], check=True)
        lost = source.stats().dropped
        assert lost["buffer_open_exit"] > 0
        assert lost["ring_full"] > 0  # where not even the beginning of an event fits, the module counts no kind
        batches = source.batches()
        while not any(event.fdpath == "/etc/hostname" for event in next(batches).events):
            pass
    finally:
        source.close()
    assert source.stats().dropped["buffer_open_exit"] >= lost["buffer_open_exit"]
