"""Fixtures of the syscall plugin's tests: the tester program, a docker-like cgroup, and the real agent."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from falcohost.events import Plan
from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.storing.process import NAME as STORE
from falcohost.testing import skip_or_fail
from falcohost.testing.agent import Agent
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.drivers import DEFAULT, DRIVERS
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.drivers.modern_ebpf.requirements import requirements
from falcohost_syscall.source import SyscallSource

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for the modules beside the tests

from container_runtimes import runtime_of  # noqa: E402, F401
from provocations import Provocations  # noqa: E402
from turns import Turns  # noqa: E402

TESTER = Path(__file__).resolve().parent.parent / "tester"

TURNS = Turns()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Let a file that floods the kernel wait for the end of those that other workers run, and these for its end."""
    if not item.path.is_relative_to(HERE):
        return (yield)
    TURNS.begin(item.path)
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path != item.path:
            TURNS.end()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory) -> Callable[..., Path]:
    """Return a function that builds a program from sources in the tester's folder."""

    def compiled(*sources: str, options: Sequence[str] = ()) -> Path:
        if not shutil.which("gcc"):
            skip_or_fail("gcc", "gcc is missing, and with it the programs that do what is to be seen: install gcc")
        program = tmp_path_factory.mktemp("tester") / Path(sources[0]).stem
        command = ["gcc", "-O1", "-pthread", *options, "-o", str(program)]
        done = subprocess.run([*command, *(str(TESTER / source) for source in sources)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return program

    return compiled


@pytest.fixture(scope="session")
def c_program(tmp_path_factory) -> Callable[[str], Path]:
    """Return a function that compiles C source."""

    def c_program(source: str, *flags: str) -> Path:
        folder = tmp_path_factory.mktemp("c")
        (folder / "program.c").write_text("#define _GNU_SOURCE\n" + source)
        command = ["gcc", "-O1", "-w", "-pthread", *flags, "-o", str(folder / "program"), str(folder / "program.c")]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            skip_or_fail("gcc", "gcc is missing, and with it the programs that do what is to be seen: install gcc")
        assert done.returncode == 0, done.stderr
        return folder / "program"

    return c_program


@pytest.fixture(scope="session")
def tester(compiled) -> Path:
    """Return the built tester program."""
    return compiled(*tester_sources())


@pytest.fixture(scope="session")
def static_tester(compiled) -> Path:
    """Return the tester, built so that it needs no libraries."""
    return compiled(*tester_sources(), options=["-static"])


def tester_sources() -> list[str]:
    """Return the sources of the tester."""
    evasions = sorted(f"evasion/{path.name}" for path in (TESTER / "evasion").glob("*.c"))
    return ["tester.c", "files.c", "processes.c", "kernel.c", "network.c", "places.c", *evasions]


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """Return a folder in /tmp that every user may enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="falcohost-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_memory(open_folder: Path) -> Iterator[Path]:
    """Return a folder below /dev/shm that has the open folder's name."""
    folder = Path("/dev/shm") / open_folder.name
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def container_cgroup() -> Iterator[Path]:
    """Return a cgroup that is called what docker would call a container's."""
    with own_cgroup(f"docker/{secrets.token_hex(32)}") as group:
        yield group


@pytest.fixture(scope="session")
def service_cgroup() -> Iterator[Path]:
    """Return a cgroup that is called what systemd would call a web server's."""
    with own_cgroup(f"falcohost-{secrets.token_hex(4)}.slice/nginx.service") as group:
        yield group


@contextlib.contextmanager
def own_cgroup(name: str) -> Iterator[Path]:
    """Make a cgroup in a hierarchy that takes any process."""
    for hierarchy in ("", "memory", "pids", "unified"):
        top = Path("/sys/fs/cgroup") / hierarchy
        if not (top / "cgroup.procs").exists() or not os.access(top, os.W_OK):
            continue
        group = top / name
        group.mkdir(parents=True)
        yield group
        remove_cgroup(group)
        with contextlib.suppress(OSError):  # not the only one in there
            group.parent.rmdir()
        return
    skip_or_fail("bpf", "no cgroup hierarchy below /sys/fs/cgroup can be written, so none can be played")


def remove_cgroup(group: Path) -> None:
    """Remove it; that takes a moment after its last process has ended."""

    def is_removed() -> bool:
        try:
            group.rmdir()
        except OSError:
            return False
        return True

    wait_until(is_removed)


@pytest.fixture(scope="session")
def children() -> Callable[[int], list[int]]:
    """Return a function that returns the process ids of a process's children, but the agent's store and outputs."""

    def is_child(stat: Path, pid: int) -> bool:
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return int(rest.split()[1]) == pid and name.partition("(")[2] not in (STORE, OUTPUTS)

    # Not /proc/PID/task/*/children: a kernel may be built without it.
    return lambda pid: [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if is_child(stat, pid)]


@pytest.fixture(autouse=True, scope="module")
def closed() -> Iterator[None]:
    """Have what the sources of a module had open closed: 120 files each, which otherwise wait for the collector."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def syscall_worker(children) -> Callable[[int], int]:
    """Return a function that waits for the worker of the source of the agent with this pid, and returns its pid.

    It reads what its driver collects, as the loader does, and it has become another user.
    """
    name = os.environ.get("FALCOHOST_DRIVER", DEFAULT)

    def reads(pid: int) -> bool:
        try:
            links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
            is_reading = "anon_inode:bpf-map" in links
            if name == "modern_ebpf":
                is_reading &= "anon_inode:bpf-prog" not in links
            if name == "kmod":
                is_reading = re.search(r" /dev/(scap|falco)\d", Path(f"/proc/{pid}/maps").read_text()) is not None
            return is_reading and _user(pid) != 0
        except OSError:
            return False

    def syscall_worker(pid: int) -> int:
        found: list[int] = []

        def is_there() -> bool:
            found[:] = [child for child in children(pid) if reads(child)]
            return bool(found)

        wait_until(is_there)
        return found[-1]

    return syscall_worker


def _user(pid: int) -> int:
    """Return the user of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^Uid:\t(\d+)", status, re.MULTILINE)[1])


@pytest.fixture(scope="session")
def bpf() -> None:
    """Let the test go on where the probe can be loaded."""
    for requirement in requirements():
        if requirement.problem:
            skip_or_fail("bpf", requirement.problem)


class Sources:
    """Open sources by their settings. Loading the probe takes a second, so the next test goes on with another plan."""

    def __init__(self) -> None:
        self._open: dict[str, SyscallSource] = {}

    def open(
        self, plan: Plan, settings: Mapping[str, object] = MappingProxyType({}), *, anew: bool = False
    ) -> SyscallSource:
        """Return a source that has *plan* and nothing of what happened before; *anew*: one that has had no other."""
        key = repr(sorted(settings.items()))
        if anew and key in self._open:
            self._open.pop(key).close()
        source = self._open.get(key)
        if source is None:
            source = self._open[key] = SyscallSource(settings)
            source.open(plan, None)
            return source
        source.update(plan)
        now = time.time_ns()
        for batch in source.batches():
            times = [event.ts for event in batch.events]
            if not times or max(times) > now:
                return source
        raise AssertionError

    def close(self) -> None:
        """Close all."""
        for source in self._open.values():
            source.close()
        self._open.clear()


@pytest.fixture(scope="module")
def sources(bpf) -> Iterator[Sources]:
    """Return sources that the tests of a file share; a test of what opening does, or of totals, opens its own."""
    sources = Sources()
    yield sources
    sources.close()


@pytest.fixture(scope="session")
def functions(bpf) -> None:
    """Let the test go on where calls can be seen by the kernel's functions."""
    with Probe(by_function=True) as driver:
        if driver.attachment.why_not:
            skip_or_fail("fexit", f"calls cannot be seen by functions: {driver.attachment.why_not}")


@pytest.fixture(scope="session")
def driver() -> str:
    """Return the driver with which agents observe system calls here (``FALCOHOST_DRIVER``)."""
    spec = next(one for one in DRIVERS if one.name == os.environ.get("FALCOHOST_DRIVER", DEFAULT))
    for what, problem in spec.check({}):
        if problem:
            skip_or_fail("bpf", f"{what}: {problem}")
    return spec.name


@pytest.fixture(scope="module")
def start_agent(driver, tmp_path_factory) -> Iterator[Callable[..., Agent]]:
    """Return a function that starts ``falcohost`` on rules files and returns it when it is watching."""
    started: list[Agent] = []

    def start_agent(*rules: Path, **options) -> Agent:
        if driver != DEFAULT:
            options["settings"] = {**options.get("settings", {}), "engine": {"kind": driver}}
        agent = Agent(tmp_path_factory.mktemp("agent"), rules, **options)
        started.append(agent)
        agent.wait_until_ready()
        return agent

    yield start_agent
    for agent in started:
        agent.kill()


@pytest.fixture(scope="module")
def provocations(tester, open_folder, shared_memory, container_cgroup, service_cgroup) -> Provocations:
    """Return a runner of command lines; what it makes is removed at the end of the session."""
    name = secrets.token_hex(4)
    folder, shared = open_folder / name, shared_memory / name
    folder.mkdir(mode=0o755)
    shared.mkdir(mode=0o755)
    return Provocations(tester, folder, shared, {"cgroup": container_cgroup, "service": service_cgroup})
