"""Fixtures of the driver's tests: the probe in the real kernel, and programs that each do one thing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from read_probe import ReadProbe

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE, wait_until
from falcohost_syscall.drivers.modern_ebpf import loading
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.requirements import requirements
from falcohost_syscall.kernel.given_types import has_own
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

EXECVE = 500
OPENAT = R.CallSpec(257, R.WANT_FD | R.WANT_PATH, fd_arg=R.RET_ARG, path_arg=1, dir_arg=0)


class Record(NamedTuple):
    """A record taken apart: the header, the sections by tag (the last of each), the paths of its cgroups, and *more*.

    That is what follows the beginning of a text, by tag.
    """

    header: R.Header
    sections: dict[int, bytes]
    cgroups: tuple[bytes, ...] = ()
    more: Mapping[int, bytes] = MappingProxyType({})


def taken_apart(record: bytes) -> Record:
    """Return a record taken apart."""
    sections = parts.sections(record)
    cgroups = tuple(data for tag, data in sections if tag == R.SEC_CGROUP)
    more: dict[int, bytes] = {}
    for tag, data in sections:
        if tag in (R.SEC_MORE_ARGS, R.SEC_MORE_ENV):
            more[tag] = more.get(tag, b"") + data
    return Record(parts.header(record), dict(sections), cgroups, more)


class Watched:
    """The probe, and what it saw of one program."""

    def __init__(self, driver: ReadProbe) -> None:
        self.driver = driver

    def run(self, *command: str | Path, **options) -> list[Record]:
        """Run a program to its end; return the records of it and of its descendants."""
        self.read_all()
        process = subprocess.Popen([str(word) for word in command], **options)
        pid = process.pid
        code = process.wait(timeout=PATIENCE)
        assert code == 0, f"{command} ended with {code}"
        return self.read_family(pid)

    def python(self, script: str, *arguments: str | Path, **options) -> list[Record]:
        """Run a script as its own process."""
        return self.run(sys.executable, "-ISc", f"import os, sys\n{script}", *arguments, **options)

    def read_family(self, pid: int) -> list[Record]:
        """Return the records of a process, up to its end, and of its descendants."""
        return family(self.read_until_exit(pid), pid)

    def read_until_exit(self, pid: int) -> list[Record]:
        """Return everything up to the end of a process."""
        found: list[Record] = []

        def has_ended() -> bool:
            found.extend(self.read_all())
            return any(r.header.kind == R.KIND_EXIT and r.header.pid == pid and r.header.arg1 for r in found)

        wait_until(has_ended, lambda: f"the probe did not see the end of {pid}")
        return found

    def read_all(self) -> list[Record]:
        """Return what waits in the rings."""
        found: list[Record] = []
        while batch := self.driver.read():
            found += map(taken_apart, batch)
        return found


def family(found: list[Record], pid: int) -> list[Record]:
    """Return the records of a process and its descendants, and of the cgroups."""
    members, kept = {pid}, []
    for record in found:
        if record.header.kind == R.KIND_FORK and record.header.pid in members:
            members.add(R.Forked._make(R.FORKED.unpack(record.sections[R.SEC_FORK])).pid)
        if record.header.pid in members or record.header.kind == R.KIND_CGROUP:
            kept.append(record)
    return kept


@pytest.fixture(scope="session", autouse=True)
def form() -> Iterator[None]:
    """Load the probe's form for older kernels if ``FALCOHOST_OLDER`` is set, as before Linux 5.10 if it is ``5.8``."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("FALCOHOST_OLDER"):
            patch.setattr(loading, "needs_older", lambda library: True)
        if os.environ.get("FALCOHOST_OLDER") == "5.8":
            patch.setattr(loading, "needs_relays", lambda library: True)
            patch.setattr(Kernel, "run", Kernel._run_at_a_call)
        yield


@pytest.fixture(scope="session")
def machine() -> None:
    """Skip where the probe cannot run."""
    for requirement in requirements():
        if requirement.problem:
            skip_or_fail("bpf", requirement.problem)


@pytest.fixture(scope="session")
def copies() -> None:
    """Let the test go on where programs are ever copied: for functions since Linux 6.9, for preemption since 7.2."""
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 9):
        pytest.skip("on this kernel, no program is copied: none can stand at functions of calls or be preempted")
    if not has_own():
        pytest.skip("the probe's form for kernels without BTF copies no program")


@pytest.fixture(scope="module")
def watched(machine) -> Iterator[Watched]:
    """Return the loaded probe; which calls it collects is the test's to say."""
    settings = LoadSettings(execve=EXECVE)
    options = Options(threads=True, exec_cwd=True, exec_env=True, more_args=True, all_processes=True)
    with ReadProbe(settings, options) as driver:
        yield Watched(driver)


@pytest.fixture(scope="module")
def roomy(machine) -> Iterator[Watched]:
    """Return the same with rings that have room for what else goes on here."""
    with ReadProbe(LoadSettings(execve=EXECVE, ring_size=1 << 26), Options(all_processes=True)) as driver:
        yield Watched(driver)


@pytest.fixture(scope="session")
def watching() -> type[Watched]:
    """Return what watches programs by a loaded probe."""
    return Watched


@pytest.fixture(scope="session")
def execve() -> int:
    """Return the row that the probe was told for execve."""
    return EXECVE


@pytest.fixture(scope="session")
def openat() -> dict[int, R.CallSpec]:
    """Return a table with openat alone."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    return {257: OPENAT}
