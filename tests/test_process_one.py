"""The agent as process 1 of a container: it reaps what it inherits, ends at SIGTERM, and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.storing.process import NAME as STORE
from falcohost.testing import skip_or_fail
from falcohost.testing.agent import Agent
from falcohost.testing.waiting import wait_until

RULES = "- {rule: A, desc: d, condition: 'json.value[/x] exists', output: o, priority: INFO, source: json}\n"

#: Begins a process whose parent ends at once, so that process 1 inherits it.
ORPHAN = "sleep 1000 & echo"


@pytest.fixture
def contained(tmp_path):
    """Return a running agent, and the process id that it has outside of its namespace."""
    if os.geteuid() != 0:
        skip_or_fail("root", "only root makes namespaces of processes")
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "log").touch()
    block = {"name": "json", "open_params": str(tmp_path / "log"), "init_config": {"follow": True}}
    agent = Agent(
        tmp_path,
        [tmp_path / "rules.yaml"],
        settings={"plugins": [block], "engine": {"kind": "nodriver"}},
        before=["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"],
    )
    agent.wait_until_ready()
    yield agent, agent.worker()
    agent.kill()


def children(pid):
    """Return the process ids and states of a process's children."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    states = {}
    for one in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            states[int(one)] = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[0]
    return states


def test_what_it_inherits_is_reaped(contained):
    """Orphans are its children until they end, and no zombies after that; its worker stays."""
    agent, one = contained
    wait_until(lambda: len(children(one)) == 3, lambda: str(children(one)))  # store, outputs, worker
    ours = set(children(one))
    worker = next(pid for pid in ours if Path(f"/proc/{pid}/comm").read_text().strip() not in (STORE, OUTPUTS))
    for _ in range(3):
        subprocess.run(["nsenter", f"--target={one}", "--pid", "--mount", "sh", "-c", ORPHAN], check=True)
    orphans = children(one).keys() - ours
    assert 3 == len(orphans)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)

    wait_until(lambda: ours == set(children(one)), lambda: str(children(one)))
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "is open again" in agent.log or children(one).keys() - ours, lambda: agent.log)


def test_it_ends_at_sigterm(contained):
    """Its workers end with it; its status is that of a stop."""
    agent, one = contained
    workers = children(one)
    os.kill(one, signal.SIGTERM)

    assert 0 == agent.process.wait(60)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_it_ends_at_sigterm_while_it_starts(tmp_path):
    """The kernel delivers process 1 no signal for which it has no handler."""
    (tmp_path / "rules.yaml").write_text("".join(RULES.replace("rule: A", f"rule: A{n}") for n in range(3000)))
    agent = Agent(
        tmp_path,
        [tmp_path / "rules.yaml"],
        settings={"plugins": [{"name": "json", "open_params": str(tmp_path)}], "log_level": "info"},
        before=["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"],
    )
    try:
        agent.wait_for_log(lambda log: "initialized with configuration files" in log)
        os.kill(agent.worker(), signal.SIGTERM)

        assert 128 + signal.SIGTERM == agent.process.wait(60)
        assert "Ready" not in agent.log
    finally:
        agent.kill()
