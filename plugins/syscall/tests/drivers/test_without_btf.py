"""A kernel that does not describe its types: the probe goes by a file, and lists the running processes one by one."""

import contextlib
import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost import SourceError
from falcohost.testing.waiting import wait_until
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import forms, requirements
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.kernel import given_types
from falcohost_syscall.kernel.btf import Types
from falcohost_syscall.kernel.kernel_types import KernelTypes
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.records import record as R
from falcohost_syscall.records.parts import header, sections

from .conftest import Watched
from .read_probe import ReadProbe

pytestmark = pytest.mark.skipif(os.uname().machine not in forms.OLDER_OBJECTS, reason="made for x86-64 only")

EXECVE = BY_NAME["execve"].call


@pytest.fixture(scope="module")
def types(machine, tmp_path_factory):
    """Return a file with this kernel's types."""
    if not given_types.has_own():
        pytest.skip("this kernel has no BTF")
    path = tmp_path_factory.mktemp("types") / "kernel.btf"
    path.write_bytes(given_types.OWN.read_bytes())
    return path


@contextlib.contextmanager
def hiding():
    """Hide the kernel's own types from what chooses and loads the probe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(given_types, "OWN", Path("/sys/kernel/btf/none"))
        patch.setattr(KernelTypes, "_all", lambda self: pytest.fail("the kernel's own types are read"))
        yield


@pytest.fixture
def hidden():
    """Hide them during a test."""
    with hiding():
        yield


@pytest.fixture(scope="module")
def by_file(types):
    """Return the probe, loaded by the file."""
    options = Options(threads=True, exec_cwd=True, exec_env=True, more_args=True, all_processes=True)
    with hiding():
        driver = ReadProbe(LoadSettings(execve=EXECVE, btf=str(types)), options)
    with driver:
        yield Watched(driver)


def test_collects(by_file, openat, tmp_path):
    """It tells of execs and calls."""
    by_file.driver.set_calls(openat)
    (tmp_path / "file").write_text("")
    found = by_file.python("os.open(sys.argv[1], 0)", tmp_path / "file")

    assert bytes(tmp_path / "file") in [r.sections.get(R.SEC_FDPATH) for r in found]
    assert R.KIND_EXEC in {r.header.kind for r in found}


def facts(data: bytes) -> tuple:
    """Return what a record tells of a process, but for when and where it was written."""
    return header(data)._replace(ts=0, cpu=0, arg1=0), sections(data)


def test_lists_as_the_iterator(types, tmp_path):
    """Running processes are listed with all that the kernel's iterator tells of them."""
    with subprocess.Popen(["sleep", "100"], cwd=tmp_path, preexec_fn=lambda: os.setresuid(7, 7, 7)) as child:
        with ReadProbe(LoadSettings(execve=EXECVE)) as driver:
            iterated = {header(one).pid: facts(one) for one in driver.tasks_listed()}
        with hiding(), ReadProbe(LoadSettings(execve=EXECVE, btf=str(types))) as driver:
            listed = {header(one).pid: facts(one) for one in driver.tasks_listed()}
        child.kill()

    # Others start and end meanwhile, become idle workers of the kernel, or other programs.
    sure = {child.pid, os.getpid(), os.getppid(), 1, 2} & iterated.keys()
    assert {pid: iterated[pid] for pid in sure} == {pid: listed[pid] for pid in sure}
    told, parts = listed[child.pid]
    assert (7, os.getpid(), b"sleep") == (told.uid, told.ppid, told.comm.rstrip(b"\0"))
    assert {R.SEC_CWD: bytes(tmp_path)}.items() <= dict(parts).items()
    assert len(listed) > 0.9 * len(iterated)


def test_may_not_open_processes(by_file, monkeypatch):
    """A process that ends meanwhile is left out; where none may be opened, that is an error and no empty list."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", lambda path: ["1", str(2**22), "self"])
        assert [1] == [header(one).pid for one in by_file.driver.tasks_listed()]
    monkeypatch.setattr(os, "pidfd_open", lambda pid: _forbidden())
    with pytest.raises(SourceError, match=r"pidfd_open.* seccomp profile"):
        list(by_file.driver.tasks_listed())


def _forbidden() -> int:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_leader_that_has_ended(by_file):
    """A process whose first thread has ended while another one goes on is listed, too."""
    script = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(100,)).start(); "
    script += "print(flush=True); ctypes.CDLL(None).syscall(60, 0)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=-1) as process:
        process.stdout.readline()
        wait_until(lambda: ") Z " in Path(f"/proc/{process.pid}/stat").read_text())
        found = [header(one).comm for one in by_file.driver.tasks_listed() if header(one).pid == process.pid]
        process.kill()

    assert 1 == len(found)


def moved(data: bytes, structure: str, member: str, by: int) -> bytes:
    """Return types in which a member is *by* bytes behind its place."""
    types = Types(data)
    of = types._type(types._named[structure])
    for number in range(of.parts):
        at = of.begin + 12 * number
        name, kind, bits = struct.unpack_from("<III", data, at)
        if types._name(name) == member:
            return data[:at] + struct.pack("<III", name, kind, bits + 8 * by) + data[at + 12 :]
    raise AssertionError


@pytest.mark.parametrize(
    ("structure", "member", "by", "problem"),
    [
        ("task_struct", "comm", 4, "the name of process"),
        ("task_struct", "start_boottime", 16, "began at"),
        ("task_struct", "files", 8, "is not found"),
        ("task_struct", "real_parent", 16, "the parent of process"),
    ],
)
def test_of_another_kernel(types, hidden, tmp_path, structure, member, by, problem):
    """Types by which the probe reads something else than what is known are refused, and nothing stays loaded."""
    path = tmp_path / "other.btf"
    path.write_bytes(moved(types.read_bytes(), structure, member, by))

    with pytest.raises(SourceError, match=f"{path} is another kernel's, .*{problem}"):
        ReadProbe(LoadSettings(execve=EXECVE, btf=str(path)))


def test_lacks_what_some_program_reads(types, hidden, tmp_path):
    """Types without a member that only some program reads are refused, with the file and what the kernel said."""
    path = tmp_path / "other.btf"
    path.write_bytes(types.read_bytes().replace(b"\0i_generation\0", b"\0i_generatiom\0"))

    with pytest.raises(
        SourceError, match=f"the probe cannot be loaded by {path}, which is another kernel's, or made for"
    ):
        ReadProbe(LoadSettings(execve=EXECVE, btf=str(path)))


def test_form(hidden, monkeypatch):
    """It is the form for older kernels; where the processor has none, a file is of no use."""
    assert forms.needs_older(Library())
    monkeypatch.setattr(requirements, "OLDER_OBJECTS", {})
    requirement = next(one for one in requirements.requirements("/none") if one.what.startswith("BTF"))
    assert "on this processor" in requirement.problem


def test_requirement(types, hidden, tmp_path):
    """What is checked before a start names the file that serves, or what is wrong with it."""
    found = {one.what: one.problem for one in requirements.requirements(str(types))}
    lacking = {one.what: one.problem for one in requirements.requirements(str(tmp_path))}

    assert found[f"BTF, from {types}, since the kernel has none"] is None
    assert f"has no file {os.uname().release}.btf" in lacking["BTF"]


def test_tracepoints(by_file):
    """Whether there is a tracepoint is tried, since the file need not say it."""
    assert by_file.driver.kernel.has_tracepoint("sched_switch")
    assert not by_file.driver.kernel.has_tracepoint("no_such_tracepoint")
