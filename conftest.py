"""Fixtures for every folder's tests: the length of long tests, public rules and events, AWS, the installed wheel."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from hypothesis import settings

from falcohost.testing import skip_or_fail
from falcohost.testing.aws import Aws
from falcohost.testing.waiting import PATIENCE

ROOT = Path(__file__).resolve().parent

# Test files compiled with their assertions are kept for the next run, as everything else is (script/setup).
sys.dont_write_bytecode = False
# A shell has jobs in the background ignore Ctrl-C, and so would the programs under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

Length = TypeVar("Length")


class HasClose(Protocol):
    """Something that can be closed."""

    def close(self) -> object:
        """Release its resources."""


Closed = TypeVar("Closed", bound=HasClose)

KERNEL = "plugins/syscall/tests"
#: Its files about agents that end, or that somebody attacks.
ENDS = [
    "counted_kills",
    "kills",
    "lives_on",
    "random_ends",
    "reached",
    "reload",
    "sentinel",
    "tampering",
    "two_sources",
]

#: What the paths of test files begin with that one worker runs, since what they share takes long to make: agents that
#: watch the kernel, its probe alone, the installed wheel. The first that fits counts.
TOGETHER = {
    **dict.fromkeys((f"{KERNEL}/test_{name}.py" for name in ENDS), "ends"),
    f"{KERNEL}/test_": "agents",
    f"{KERNEL}/": "probes",
    "tests/test_example": "installed",
    "tests/test_packaging": "installed",
}

#: What is in the paths of test files that workers begin with: floods (turns.py), for which others wait least when they
#: have just begun, and what takes longest, with which one worker would be left alone.
FIRST = (
    *("test_flood.py", "test_budgets.py"),
    *(f"{KERNEL}/test_", f"{KERNEL}/", "tests/test_example", "kills.py", "tests/cli/"),
)

# No deadline, since a busy machine is no bug. What fails is printed with a line that makes it fail again.
settings.register_profile("short", deadline=None, print_blob=True, max_examples=200)
settings.register_profile("soak", deadline=None, print_blob=True, max_examples=12_500)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes long tests as long as they are meant."""
    parser.addoption("--soak", action="store_true", help="run floods, kills, reloads and random tests at full length")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many random examples a test gets that does not say so itself."""
    settings.load_profile("soak" if config.getoption("soak") else "short")
    if config.getoption("soak") and config.getoption("timeout", None) is None:
        config.option.timeout = 4 * 3600


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with FIRST in a run of several workers."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: next((at for at, part in enumerate(FIRST) if part in item.nodeid), len(FIRST)))


def pytest_collection_finish() -> None:
    """Exempt all tests and what they have imported from garbage collection, which each forked process begins with."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have the tests of a file run in one worker, since they share fixtures, and so those of files in TOGETHER."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # keeps the order of FIRST

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((group for path, group in TOGETHER.items() if nodeid.startswith(path)), nodeid.split("::")[0])

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def soak(pytestconfig) -> Callable[[Length, Length], Length]:
    """Return a function of two lengths: it returns the first with ``--soak``, the second without."""
    return lambda full, short: full if pytestconfig.getoption("soak") else short


@pytest.fixture(scope="session", autouse=True)
def state_directory(tmp_path_factory) -> None:
    """Keep the agents that tests start away from the machine's own state and cache."""
    os.environ["FALCOHOST_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    os.environ["FALCOHOST_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def close_later() -> Iterator[Callable[[Closed], Closed]]:
    """Return a function that returns its argument; at the end all arguments are closed, the last one first."""
    with contextlib.ExitStack() as stack:
        yield lambda one: stack.enter_context(contextlib.closing(one))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder with public rules, events and regression cases that lies beside the repository."""
    path = ROOT.parent / "shared" / "corpus"
    if not path.is_dir():
        skip_or_fail("corpus", f"there is no corpus: {path} is not a folder")
    return path


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Aws]:
    """Return AWS, once for all tests."""
    server = Aws()
    yield server
    server.stop()


@pytest.fixture
def aws(aws_server: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Return an AWS in which there is nothing yet, and credentials for it in the environment."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    aws_server.reset()
    yield aws_server
    aws_server.enforce(1 << 60)


@pytest.fixture(scope="session")
def build(tmp_path_factory) -> Callable[[Path], Path]:
    """Return a function that builds the wheel of a project's folder and returns its path."""

    def build(folder: Path) -> Path:
        target = tmp_path_factory.mktemp("wheel")
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target), cwd=folder)
        return next(target.glob("*.whl"))

    return build


@pytest.fixture(scope="session")
def wheel(build) -> Path:
    """Return the wheel of falcohost, built from the work tree."""
    return build(ROOT)


class Installation:
    """A fresh virtual environment, outside of the repository; the pip that installs into it is that of the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))

    def pip_install(self, *what: str) -> None:
        """Install *what*; where the package index cannot be reached, skip the test."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.folder / "venv"), "install", "-q", "--retries", "1"]
        done = subprocess.run([*pip, *what], capture_output=True, text=True, cwd=self.folder, env=clean_environment())
        if done.returncode:
            skip_or_fail("index", f"pip cannot install {' '.join(what)}: {done.stderr.strip()}")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs in a folder that has nothing to do with the repository."""
        program = str(self.folder / "venv/bin" / command[0])
        return subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=clean_environment(),
            timeout=PATIENCE,
        )


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Installation:
    """Return an environment with falcohost's wheel and what it depends on, and nothing else."""
    installation = Installation(tmp_path_factory.mktemp("installed"))
    installation.pip_install(str(wheel))
    return installation


def clean_environment() -> dict[str, str]:
    """Return the environment without what would let Python look into the repository."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command that has to succeed; its output is in the failure."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
