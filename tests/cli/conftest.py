"""Commands and agents, with a plugin of these tests installed for them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.health.given import NAME as HEALTH
from falcohost.host.storing.process import NAME as STORE
from falcohost.host.supervision.reader import NAME as READER
from falcohost.testing.agent import QUIET
from falcohost.testing.cli import run_cli, run_cli_on_terminal
from falcohost.testing.waiting import PATIENCE, wait_until

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for the modules beside the tests

#: Variables that commands are not to see.
UNSET = ("NO_COLOR", "FALCO_HOSTNAME")

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


def until_so(condition, failure=str):
    """Wait until *condition* returns something true; return that. *failure* says what there is instead."""
    found = []

    def look():
        found[:] = [condition()]
        return found[0]

    wait_until(look, failure)
    return found[0]


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
        """Its output on stdout so far."""
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self):
        """Its log so far."""
        return (self.folder / "stderr").read_text()

    @property
    def alerts(self):
        """The alerts that it has printed whole, as dicts (with JSON) or lines."""
        lines = self.stdout.split("Events detected:")[0].rpartition("\n")[0].splitlines()
        return [json.loads(line) if line.startswith("{") else line for line in lines]

    def wait_for(self, text):
        """Wait until *text* is logged."""
        wait_until(lambda: text in self.stderr, lambda: f"{text!r} is not in: {self.stderr}")

    def wait_for_alerts(self, count):
        """Wait until so many alerts are printed; return them."""
        return until_so(lambda: len(self.alerts) >= count and self.alerts, lambda: self.stderr + self.stdout)

    def workers(self):
        """Return the process ids of the workers."""
        return [pid for pid, name in children(self.process.pid).items() if name not in (STORE, OUTPUTS, HEALTH, READER)]

    def children(self):
        """Return the names of the supervisor's children by process id."""
        return children(self.process.pid)

    def service(self, name):
        """Return the process id of the store or of the outputs."""
        return until_so(lambda: next((p for p, n in children(self.process.pid).items() if n == name), 0), str)

    def end(self, how=signal.SIGTERM, seconds=PATIENCE):
        """Send a signal, wait for the end, return the exit status."""
        self.process.send_signal(how)
        return self.process.wait(seconds)

    def wait(self, seconds=PATIENCE):
        """Wait for the end; return the exit status."""
        return self.process.wait(seconds)


def children(pid):
    """Return the names of the children of a process, by process id."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it has ended
            found[int(child)] = Path(f"/proc/{child}/comm").read_text().strip()
    return found


def install(site):
    """Put the plugin into *site* as pip would leave it on disk; return the folder."""
    info = site / "falcohost_numbers-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "falcohost_numbers.py").write_text((HERE / "numbers_plugin.py").read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: falcohost-numbers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nnumbers = falcohost_numbers\n")
    return site


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory):
    """Return a folder that has the plugin installed, for those who do not change it."""
    return install(tmp_path_factory.mktemp("installed") / "site")


class Home:
    """A folder in which commands and agents run, with a state of its own, and the plugin installed from *site*."""

    def __init__(self, folder, site):
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.environment |= {"FALCOHOST_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(site), "TZ": "UTC"}
        self._started = []

    def setup(self, config="", rules=RULES, numbers=None, others=None):
        """Write configuration and rules; return the command line that uses them."""
        settings = {"numbers": numbers or {}, "others": others or {}}
        block = f"plugins: [{{name: numbers, init_config: {json.dumps(settings)}}}]\n"
        (self.folder / "falco.yaml").write_text(CONFIG + block + config)
        (self.folder / "rules.yaml").write_text(rules)
        return ["-c", str(self.folder / "falco.yaml"), "-r", str(self.folder / "rules.yaml"), *QUIET]

    def agent(self, *arguments, stdout=None, through=()):
        """Start an agent, by a command that executes it if one is given, and return it running."""
        folder = self.folder / f"agent{len(self._started)}"
        folder.mkdir()
        command = [*through, sys.executable, "-m", "falcohost", *arguments]
        self._started.append(Agent(command, folder, self.environment, stdout))
        return self._started[-1]

    def run(self, *arguments, stdin=b"", **variables):
        """Run a command of ``falcohost`` in this process; return status, stdout and stderr."""
        return run_cli(*arguments, folder=self.folder, environment=self.environment | variables, stdin=stdin)

    def close(self):
        """Kill the agents that still run."""
        for one in self._started:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()


@pytest.fixture
def home(tmp_path, shared_site):
    """Return the folder of this test."""
    home = Home(tmp_path, shared_site)
    yield home
    home.close()


@pytest.fixture(scope="module")
def module_home(tmp_path_factory, shared_site):
    """Return a folder that the tests of a module share."""
    home = Home(tmp_path_factory.mktemp("home"), shared_site)
    yield home
    home.close()


@pytest.fixture
def environment(home):
    """Return the environment of a process that has the plugin installed."""
    return home.environment


@pytest.fixture
def own_site(tmp_path, environment):
    """Return a folder that has the plugin installed for the processes of this test alone."""
    environment["PYTHONPATH"] = str(install(tmp_path / "site"))
    return tmp_path / "site"


@pytest.fixture
def setup(home):
    """Return a function that writes configuration and rules, and returns the command line that uses them."""
    return home.setup


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that gives the state's folder a disk of its own, of this size."""
    state = tmp_path / "state"

    def mount(size):
        state.mkdir()
        options = f"size={size},mode=700"
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", state], capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")

    yield mount
    subprocess.run(["umount", "--lazy", state], capture_output=True)


@pytest.fixture
def falcohost(home, shared_site, monkeypatch):
    """Return a function that runs a command of ``falcohost`` in this process; returns status, stdout and stderr."""
    monkeypatch.syspath_prepend(shared_site)
    return home.run


@pytest.fixture
def program(tmp_path, environment):
    """Return a function that runs ``falcohost`` as a process to its end; returns status, stdout and stderr."""

    def program(*arguments, **variables):
        return subprocess.run(
            [sys.executable, "-m", "falcohost", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment | variables,
            timeout=PATIENCE,
        )

    return program


@pytest.fixture
def on_a_terminal(home, shared_site, monkeypatch):
    """Return a function that runs a command on a terminal, in this process, and returns what that has shown."""
    monkeypatch.syspath_prepend(shared_site)

    def on_a_terminal(*arguments, **variables):
        done = run_cli_on_terminal(*arguments, folder=home.folder, environment=home.environment | variables)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    return on_a_terminal


@pytest.fixture
def agent(home):
    """Return a function that starts ``falcohost`` and returns it running; all are killed in the end."""
    return home.agent


@pytest.fixture(scope="session")
def until():
    """Return a function that waits until a condition holds."""
    return until_so
