"""Users and groups of containers, in the files below the roots of real processes."""

from __future__ import annotations

import contextlib
import os
import signal
from types import SimpleNamespace

import pytest

from falcohost_syscall.processes import container_accounts
from falcohost_syscall.processes.boot_clock import since_boot
from falcohost_syscall.processes.container_accounts import LONGEST, ContainerAccounts
from falcohost_syscall.processes.proc_reader import since

PASSWD = """admin:x:0:0::/home/admin:/bin/zsh
root:x:7:7::/:/bin/sh
web:x:33:33::/srv:/bin/sh
web2:x:33:33:::
odd:x:-1:0
nobody
"""
GROUP = "wheel:x:0:\nroot:x:7:\nwww:x:33:\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")


class Rooted:
    """A process whose root is the folder *root*, as the process table has it."""

    def __init__(self, root, parent=None) -> None:
        ready, done = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.chroot(root)
            os.write(done, b"x")
            signal.pause()
            os._exit(0)
        os.read(ready, 1)
        os.close(ready)
        os.close(done)
        self.start, self.cgroup, self.parent = since_boot(since(self.pid)), 7, parent

    def end(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture
def root(tmp_path):
    """Return a folder with accounts."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text(PASSWD)
    (tmp_path / "etc" / "group").write_text(GROUP)
    return tmp_path


@pytest.fixture
def process(root):
    """Return a function that starts a process with that root."""
    started = []

    def process(parent=None):
        started.append(Rooted(root, parent))
        return started[-1]

    yield process
    for one in started:
        one.end()


@pytest.fixture
def at_once(monkeypatch):
    """Have the files looked at whenever they are asked for."""
    monkeypatch.setattr(container_accounts, "INTERVAL", 0.0)
    monkeypatch.setattr(container_accounts, "SOON", 0.0)


def told(names, uid, gid):
    """Return all that is told of a user and a group."""
    return names.name(uid), names.home(uid), names.shell(uid), names.group(gid)


def test_accounts_are_those_of_the_container(process):
    """Names come from the files below the process's root; what they do not say is <NA>."""
    names = ContainerAccounts().of("c1", process())

    assert ("web", "/srv", "/bin/sh", "www") == told(names, 33, 33)
    assert ("<NA>", "<NA>", "<NA>", "<NA>") == told(names, 1000, 1000)


def test_root_keeps_its_name(process, root):
    """A container cannot name root otherwise, nor another user root by its number; its home and shell are its own."""
    accounts = ContainerAccounts()
    renamed, other = (told(accounts.of("c1", process()), number, number) for number in (0, 7))
    (root / "etc" / "passwd").unlink()
    (root / "etc" / "group").unlink()

    assert ("root", "/home/admin", "/bin/zsh", "root") == renamed
    assert ("<NA>", "/", "/bin/sh", "<NA>") == other
    assert ("root", "/root", "<NA>", "root") == told(accounts.of("c2", process()), 0, 0)


def test_changes_are_seen(process, root, at_once):
    """A user that is added while the container runs is known, in place or by a new file."""
    accounts, one = ContainerAccounts(), process()
    before = accounts.of("c1", one).name(1000)
    with (root / "etc" / "passwd").open("a") as file:
        file.write("joe:x:1000:1000::/home/joe:/bin/sh\n")
    added = accounts.of("c1", one).name(1000)
    (root / "etc" / "new").write_text("jane:x:1000:1000::/home/jane:/bin/sh\n")
    (root / "etc" / "new").rename(root / "etc" / "passwd")

    assert ("<NA>", "joe", "jane") == (before, added, accounts.of("c1", one).name(1000))


def test_what_was_known_stays_when_nobody_can_be_asked(process, at_once):
    """The accounts outlive the process; of one that has ended, an ancestor in the same container is asked."""
    accounts, parent = ContainerAccounts(), process()
    one = process(parent)
    accounts.of("c1", one)
    one.end()
    by_parent = accounts.of("c2", one).name(33)
    parent.end()

    assert "web" == by_parent
    assert "web" == accounts.of("c1", one).name(33)
    assert "<NA>" == accounts.of("c3", one).name(33)


def test_another_process_with_the_pid_is_not_asked(process):
    """A process that has taken the pid of the one that is meant says nothing."""
    one = process()
    other = SimpleNamespace(pid=one.pid, start=one.start - 10_000_000_000, cgroup=7, parent=None)

    assert "<NA>" == ContainerAccounts().of("c1", other).name(33)


def test_an_ancestor_outside_is_not_asked(process):
    """An ancestor in another cgroup has another root."""
    parent = process()
    one = process(parent)
    parent.cgroup = 8
    one.end()

    assert "<NA>" == ContainerAccounts().of("c1", one).name(33)


def test_files_are_looked_at_once_a_second(process, monkeypatch):
    """Events in between cost no question; nor does a container of which nobody can be asked, for a while."""
    asked = []
    reader = SimpleNamespace(accounts=lambda *question: asked.append(question))
    monkeypatch.setattr(container_accounts, "READING", SimpleNamespace(reader=reader))
    monkeypatch.setattr(container_accounts, "SOON", 60.0)
    accounts, one = ContainerAccounts(), process()
    for _ in range(10):
        accounts.of("c1", one)

    assert 1 == len(asked)


def test_containers_have_a_limit(process, monkeypatch):
    """The accounts that were asked for longest ago make room, which is counted."""
    monkeypatch.setattr(container_accounts, "LIMIT", 2)
    accounts, one = ContainerAccounts(), process()
    for container in ("c1", "c2", "c1", "c3"):
        accounts.of(container, one)

    assert (2, 1) == (len(accounts), accounts.dropped)


def test_what_a_container_writes_is_bounded(process, root):
    """Long names are cut, odd bytes and lines do no harm, and very many users are read up to a limit."""
    odd = b"\xff\xfe:x:1:1:::\n" + b"n" * 5000 + b":x:2:2:::\n" + b":" * 10_000 + b"\n\x00\n"
    (root / "etc" / "passwd").write_bytes(odd + b"".join(b"u%d:x:%d:1:::\n" % (n, n) for n in range(3, 100_000)))
    names = ContainerAccounts().of("c1", process())

    assert ("\\xff\\xfe", "n" * LONGEST, "u3", "<NA>") == tuple(map(names.name, (1, 2, 3, 99_999)))
