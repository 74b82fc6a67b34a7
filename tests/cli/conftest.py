"""The agent as a process, with a plugin of these tests installed for it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent

CONFIG = """
engine: {kind: nodriver}
load_plugins: [numbers]
log_syslog: false
"""

RULES = """
- rule: Every number
  desc: Fires on every number.
  condition: number.value > 0
  output: Counted (value=%number.value)
  priority: NOTICE
  source: numbers
  tags: [b, a]
- rule: Every other
  desc: Fires on every number of the other source.
  condition: number.value > 0
  output: Other (value=%number.value)
  priority: INFO
  source: others
"""


def wait_until(condition, seconds=60.0, what="it does not come to that"):
    """Wait until *condition* returns something true; return that."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.01)
    return found


class Agent:
    """A running ``falcohost``."""

    def __init__(self, command, folder, environment, stdout=None):
        self.folder = folder
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            self.process = subprocess.Popen(
                command, stdout=stdout or out, stderr=err, stdin=subprocess.DEVNULL, cwd=folder, env=environment
            )

    @property
    def stdout(self):
        """What it has printed."""
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self):
        """What it has logged."""
        return (self.folder / "stderr").read_text()

    @property
    def alerts(self):
        """The alerts that it has printed, as dicts (with JSON) or lines."""
        lines = self.stdout.split("Events detected:")[0].splitlines()
        return [json.loads(line) if line.startswith("{") else line for line in lines]

    def wait_for(self, text, seconds=60.0):
        """Wait until *text* is logged."""
        wait_until(lambda: text in self.stderr, seconds, lambda: f"{text!r} is not in: {self.stderr}")

    def wait_for_alerts(self, count, seconds=60.0):
        """Wait until so many alerts are printed."""
        return wait_until(lambda: len(self.alerts) >= count and self.alerts, seconds, lambda: self.stderr + self.stdout)

    def workers(self):
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def end(self, how=signal.SIGTERM, seconds=60.0):
        """Send a signal, wait for the end, return the exit status."""
        self.process.send_signal(how)
        return self.process.wait(seconds)

    def wait(self, seconds=60.0):
        """Wait for the end; return the exit status."""
        return self.process.wait(seconds)


@pytest.fixture
def environment(tmp_path):
    """Return the environment of a process that has the plugin installed, as pip would leave it on disk."""
    site = tmp_path / "site"
    info = site / "falcohost_numbers-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "falcohost_numbers.py").write_text((HERE / "numbers_plugin.py").read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: falcohost-numbers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nnumbers = falcohost_numbers\n")
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FALCO_HOSTNAME")}
    variables["FALCOHOST_STATE_DIR"] = str(tmp_path / "state")
    return variables | {"PYTHONPATH": str(site), "TZ": "UTC"}


@pytest.fixture
def setup(tmp_path):
    """Return a function that writes configuration and rules, and returns the command line that uses them."""

    def setup(config="", rules=RULES, numbers=None, others=None):
        settings = {"numbers": numbers or {}, "others": others or {}}
        block = f"plugins: [{{name: numbers, init_config: {json.dumps(settings)}}}]\n"
        (tmp_path / "falco.yaml").write_text(CONFIG + block + config)
        (tmp_path / "rules.yaml").write_text(rules)
        return ["-c", str(tmp_path / "falco.yaml"), "-r", str(tmp_path / "rules.yaml")]

    return setup


@pytest.fixture
def falcohost(tmp_path, environment):
    """Return a function that runs ``falcohost`` to its end; returns status, stdout and stderr."""

    def falcohost(*arguments, **variables):
        return subprocess.run(
            [sys.executable, "-m", "falcohost", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment | variables,
            timeout=60,
        )

    return falcohost


@pytest.fixture
def on_a_terminal(tmp_path, environment):
    """Return a function that runs ``falcohost`` on a terminal and returns the bytes that it was sent."""

    def on_a_terminal(*arguments, **variables):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "falcohost", *arguments]
        subprocess.run(command, stdout=theirs, env=environment | variables, cwd=tmp_path, check=True)
        os.close(theirs)
        shown = os.read(ours, 100_000)
        os.close(ours)
        return shown

    return on_a_terminal


@pytest.fixture
def agent(tmp_path, environment):
    """Return a function that starts ``falcohost`` and returns it running; all are killed in the end."""
    started = []

    def agent(*arguments, stdout=None):
        folder = tmp_path / f"agent{len(started)}"
        folder.mkdir()
        started.append(Agent([sys.executable, "-m", "falcohost", *arguments], folder, environment, stdout))
        return started[-1]

    yield agent
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def until():
    """Return a function that waits until a condition holds."""
    return wait_until
