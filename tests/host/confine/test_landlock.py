"""A process that was confined opens only the files of its job, whatever its rights are otherwise."""

import errno
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from falcohost.host.confine import landlock
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.host.confine.files import readable, writable
from falcohost.libc import prctl
from falcohost.needs import BENEATH, CONNECT, GENEROUS, INSPECT, LISTEN, PROGRAM, THREADS, WRITE, Needs
from falcohost.testing import skip_or_fail


@pytest.fixture(autouse=True)
def landlocked():
    """Skip where the kernel has no Landlock."""
    if not landlock.version():
        skip_or_fail("landlock", "this kernel has no Landlock")


def confined(needs, do, capabilities=frozenset()):
    """Return what *do* returns in a confined process, or the errno of its error."""
    with tempfile.TemporaryFile("w+") as answer:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                prctl(38, 1)
                confine(Confinement(needs=needs, capabilities=capabilities), parent)
                try:
                    found = do()
                except OSError as error:
                    found = error.errno
                answer.write(json.dumps(found))
                answer.flush()
            finally:
                os._exit(0)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        answer.seek(0)
        return json.load(answer)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two folders, ``own`` and ``other``, with a file in each."""
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


def test_only_its_own_folder(folder):
    """It reads what is below its folder, also what comes later; nothing else, by whatever path."""
    needs = Needs(frozenset({BENEATH}), (folder / "own",))
    (folder / "own/link").symlink_to(folder / "other/file")
    (folder / "own/later").hardlink_to(folder / "other/file")

    def do():
        found = []
        for name in ("own/file", "own/later", "other/file", "own/link", "own/../other/file", "own", "other"):
            try:
                if (folder / name).is_dir():
                    list((folder / name).iterdir())
                else:
                    (folder / name).read_text()
                found.append(0)
            except OSError as error:
                found.append(error.errno)
        return found

    no = errno.EACCES
    assert [0, 0, no, no, no, 0, no] == confined(needs, do)


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/passwd", "/root", "/proc/1/status", "/proc/1/environ", "/var/log"]
)
def test_not_the_rest_of_the_machine(path):
    """Not even root reads other files."""
    assert errno.EACCES == confined(Needs(), lambda: os.open(path, os.O_RDONLY), frozenset({"CAP_DAC_READ_SEARCH"}))


def test_not_through_a_descriptor_of_the_root():
    """A descriptor from before is no way around."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY)
    assert errno.EACCES == confined(Needs(), lambda: os.open("etc/shadow", os.O_RDONLY, dir_fd=root))
    os.close(root)


def test_python_goes_on():
    """Modules are imported, and names, certificates and time zones are found."""

    def do():
        import ssl
        import xml.dom.minidom
        import zoneinfo

        context = ssl.create_default_context()
        zone = zoneinfo.ZoneInfo("Europe/Paris").key
        return [zone, socket.getaddrinfo("localhost", 80)[0][1], xml.dom.minidom.__name__, bool(context)]

    assert ["Europe/Paris", 1, "xml.dom.minidom", True] == confined(Needs(frozenset({CONNECT, THREADS})), do)


def test_what_it_may_change(folder):
    """It changes files only below its folders, and creates neither devices nor folders elsewhere."""
    needs = Needs(frozenset({WRITE}), None, (folder / "own",))

    def do():
        (folder / "own/new").write_text("x")
        (folder / "own/new").rename(folder / "own/newer")
        found = []
        for what in (
            lambda: (folder / "other/new").write_text("x"),
            lambda: (folder / "other/file").unlink(),
            lambda: (folder / "other/folder").mkdir(),
            lambda: (folder / "own/newer").rename(folder / "other/newer"),
            lambda: os.truncate(folder / "other/file", 0),
        ):
            try:
                what()
                found.append(0)
            except OSError as error:
                found.append(error.errno)
        return found

    found = confined(needs, do, frozenset({"CAP_DAC_OVERRIDE"}))
    assert {errno.EACCES, errno.EXDEV} >= {*found}
    assert "other" == (folder / "other/file").read_text()
    assert ["file", "newer"] == sorted(path.name for path in (folder / "own").iterdir())


def test_without_the_need_nothing_is_opened_for_writing(folder):
    """Where a job writes no files, the system call itself is forbidden, also without Landlock."""
    for needs in (Needs(files=(folder,)), Needs(frozenset({INSPECT}))):
        pid = os.fork()
        if pid == 0:
            prctl(38, 1)
            confine(Confinement(needs=needs, capabilities=frozenset({"CAP_SYS_PTRACE"})), os.getppid())
            os.open("/proc/self/mem", os.O_RDWR)
            os._exit(0)
        assert -signal.SIGSYS == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_module_without_bytecode_is_imported(folder, monkeypatch):
    """What is imported late is also where Python has no bytecode of it and would write that, as after a change."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(folder / "own")
    (folder / "own" / "imported_late.py").write_text("WHAT = 7\n")

    assert 7 == confined(Needs(files=(folder,)), lambda: importlib.import_module("imported_late").WHAT)


def test_who_inspects_reads_other_processes():
    """Landlock would keep a process from the links and the memory of others; who needs them is not restricted so."""
    other = os.fork()
    if other == 0:
        signal.pause()

    def do():
        return str(Path(f"/proc/{other}/cwd").readlink())

    trace = frozenset({"CAP_SYS_PTRACE"})
    try:
        assert str(Path.cwd()) == confined(Needs(frozenset({INSPECT})), do, trace)
        assert errno.EACCES == confined(Needs(), do, trace)
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)


def test_signals_to_others():
    """Only what the process has started can be signalled, whoever it belongs to."""
    if landlock.version() < 6:
        skip_or_fail("landlock", "this kernel's Landlock does not restrict signals")
    other = os.fork()
    if other == 0:
        signal.pause()
    pid = os.fork()
    if pid == 0:
        prctl(38, 1)
        landlock.restrict(None, None, alone=True)
        try:
            os.kill(other, signal.SIGUSR1)
        except PermissionError:
            os._exit(7)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.kill(other, signal.SIGKILL)

    assert (7, -signal.SIGKILL) == (ended, os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))


def test_who_may_open_anything(folder):
    """Jobs that say nothing of files read anywhere; who runs programs is not restricted, as programs need anything."""
    assert (None, None) == (readable(GENEROUS), writable(GENEROUS))
    assert (None, None) == (readable(Needs(frozenset({PROGRAM}))), writable(Needs(frozenset({PROGRAM}))))
    assert None is readable(Needs(frozenset({LISTEN}), None))
    assert "own" == confined(GENEROUS, lambda: (folder / "own/file").read_text())


def test_a_kernel_without_landlock(monkeypatch, caplog):
    """Then nothing is restricted, and the process works all the same."""
    monkeypatch.setattr(landlock, "version", lambda: 0)

    assert 0 == landlock.restrict((), (), alone=True)
    assert Path("/etc/passwd").read_text()


def test_which_ports_it_reaches():
    """A process that says to which addresses it connects reaches their TCP ports and no other."""
    if landlock.version() < 4:
        skip_or_fail("landlock", "this kernel's Landlock knows no ports")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        addresses = [server.getsockname() for server in (one, two)]

        def reached():
            return [socket.socket().connect_ex(address) for address in addresses]

        def found(connects):
            return confined(Needs(frozenset({CONNECT}), connects=connects), reached)

        assert [0, errno.EACCES] == found((f"*:{addresses[0][1]}",))
        assert [errno.EACCES] * 2 == found(("*:53",))
        assert [0, 0] == found(None) == found(("*:*",))
