"""Secrets of a source or an output are in no other process of the agent: neither in memory nor in the environment."""

import contextlib
import os
import re
import secrets
import signal
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import OUTPUTS, Agent
from falcohost.testing.ports import Port
from falcohost.testing.waiting import wait_until

RULES = """
- {rule: A, desc: d, condition: "json.value[/x] exists", output: o, priority: INFO, source: filed}
- {rule: B, desc: d, condition: "json.value[/x] exists", output: o, priority: INFO, source: also}
- {rule: C, desc: d, condition: "ka.verb exists", output: o, priority: INFO, source: k8s_audit}
- {rule: D, desc: d, condition: "okta.evt.type exists", output: o, priority: INFO, source: okta}
"""

#: The secrets that a source has, and those that none has that is open.
OF_SOURCES = ("in a file", "in another file", "in the environment", "inline")
OF_NONE = ("of a source that is not open", "of nobody")

#: The secret of an output.
OF_AN_OUTPUT = "of an output"


@pytest.fixture(autouse=True)
def as_root():
    """Skip where this is not root."""
    if os.geteuid() != 0:
        skip_or_fail("root", "only root can read the memory of other users' processes")


def memory(pid):
    """Yield what can be read of a process's memory."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:  # noqa: PTH123
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            begin, end, mode, name = re.fullmatch(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if mode[0] == "r" and name not in ("[vvar]", "[vsyscall]"):
                with contextlib.suppress(OSError):  # a device, or a file that is shorter than its mapping
                    yield os.pread(mem.fileno(), int(end, 16) - int(begin, 16), int(begin, 16))


def found(pid, known):
    """Return the names of the *known* secrets that are in the memory or in the environment of a process."""
    blocks = [*memory(pid), Path(f"/proc/{pid}/environ").read_bytes()]
    return {name for name, secret in known.items() if any(secret.encode() in block for block in blocks)}


def opened(pid):
    """Return what a process has open."""
    return [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]


class Running:
    """An agent with a secret of each kind.

    :ivar secrets: the secrets by name.
    """

    def __init__(self, folder, monkeypatch):
        self.secrets = {name: secrets.token_hex(16) for name in (*OF_SOURCES, *OF_NONE, OF_AN_OUTPUT)}
        self._ports = [Port() for _ in range(4)]
        for name in ("a file", "another file"):
            (folder / name).write_text(self.secrets[f"in {name}"])
        monkeypatch.setenv("FALCOHOST_K8SAUDIT_TOKEN", self.secrets["in the environment"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", self.secrets["of a source that is not open"])
        monkeypatch.setenv("SOME_PASSWORD", self.secrets["of nobody"])
        (folder / "rules.yaml").write_text(RULES)
        at = [f"http://127.0.0.1:{port.number}/in" for port in self._ports]
        logs = [
            {"name": "filed", "open_params": at[0], "token_file": str(folder / "a file")},
            {"name": "also", "open_params": at[1], "token_file": str(folder / "another file")},
        ]
        okta = {"url": at[3].removesuffix("/in"), "api_token": self.secrets["inline"]}
        plugins = [
            {"name": "json", "init_config": {"sources": logs}},
            {"name": "k8saudit", "open_params": at[2]},
            {"name": "okta", "init_config": okta},
        ]
        settings = {
            "plugins": plugins,
            "load_plugins": ["json", "k8saudit", "okta"],
            "engine": {"kind": "nodriver"},
            "log_level": "info",
            "stdout_output": {"enabled": True, "password": self.secrets[OF_AN_OUTPUT]},
        }
        self.rules = folder / "rules.yaml"
        self.agent = Agent(folder, [self.rules], settings=settings)
        self.agent.wait_until_ready()

    def check(self):
        """Check that the supervisor and the store have no secret, each worker its own, and outputs at most theirs."""
        # The store, the outputs, and a worker for each source: what reads the configuration has ended.
        wait_until(lambda: len(self.agent.processes()) == 2 + len(OF_SOURCES), self.agent.processes)
        names = {self.agent.process.pid: "supervisor", **self.agent.processes()}
        where = {pid: found(pid, self.secrets) for pid in names}
        others = [where[pid] for pid, name in names.items() if name != OUTPUTS]
        (outputs,) = (where[pid] for pid, name in names.items() if name == OUTPUTS)

        assert sorted([[], [], *([name] for name in OF_SOURCES)]) == sorted(map(sorted, others))
        assert set() == where[self.agent.process.pid]
        assert outputs <= {OF_AN_OUTPUT}  # stdout forgets what it does not know
        memory = [one for pid in self.agent.processes() for one in opened(pid) if "memfd:falcohost" in one]
        assert [] == [one for one in memory if "counted matches" not in one]  # which has no settings

    def close(self):
        """End it."""
        self.agent.kill()
        for port in self._ports:
            port.close()


@pytest.fixture
def running(tmp_path, monkeypatch):
    """Return the agent."""
    running = Running(tmp_path, monkeypatch)
    yield running
    running.close()


def test_each_process_has_its_own_secrets(running):
    """They are apart from the start, and still when workers are replaced and rules are read again."""
    running.check()

    before = running.agent.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len({*running.agent.workers()} - {*before}) == 1 and "is open again" in running.agent.log)
    running.check()

    running.rules.write_text(RULES.replace("output: o", "output: new"))
    running.agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: running.agent.log.count("now uses the new rules") == 4, lambda: running.agent.log)
    running.check()


PROGRAM_RULES = """
- rule: E
  desc: d
  condition: json.value[/PATH] exists
  output: "%json.obj"
  priority: INFO
  source: json
"""


def test_a_program_gets_what_the_configuration_names_for_it(tmp_path, monkeypatch):
    """It gets what every process has, and of the agent's environment only what is named."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/wanted")
    monkeypatch.setenv("SOME_PASSWORD", "secret")
    (tmp_path / "rules.yaml").write_text(PROGRAM_RULES)
    script = """printf '{"PATH": "%s", "all": "%s"}\\n' "$PATH" "$(env | tr '\\n"' '  ')"; sleep 600"""
    block = {"name": "json", "environment": ["CLOUDSDK_*"], "init_config": {"program": ["sh", "-c", script]}}
    agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings={"plugins": [block], "engine": {"kind": "nodriver"}})
    try:
        output = agent.wait_for(lambda alert: alert["rule"] == "E")["output"]
    finally:
        agent.kill()

    assert "/wanted" in output
    assert os.environ["PATH"] in output
    assert "SOME_PASSWORD" not in output
    assert "FALCOHOST" not in output
