"""What is kept of sources outlives the supervisor: what systemd is told, and what a new supervisor takes over."""

import os
import socket
from types import SimpleNamespace

import pytest

from falcohost.host import parcels
from falcohost.host.kept_descriptors import Kept
from falcohost.host.supervision.keeping import VARIABLE, Keeping, left, let_go_of_passed
from falcohost.host.supervision.notify import Notify
from falcohost.testing.shortages import no_free_descriptor


class Systemd:
    """A service manager that keeps descriptors (sd_pid_notify_with_fds(3)); *link*: its socket."""

    def __init__(self, link):
        self.link = link
        self.stored = {}

    def look(self):
        """Do what it was asked for."""
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self.link, 4096, 10, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self
            lines = dict(line.split("=", 1) for line in data.decode().split("\n"))
            if lines.get("FDSTORE") == "1":
                assert lines["FDPOLL"] == "0"  # else it would be removed: its other end is closed
                self.stored[lines["FDNAME"]] = descriptors[0]
            elif lines.get("FDSTOREREMOVE") == "1":
                os.close(self.stored.pop(lines["FDNAME"]))

    def close(self):
        """Let go of everything."""
        for descriptor in self.stored.values():
            os.close(descriptor)


@pytest.fixture
def systemd(tmp_path, close_later):
    """Return a service manager, and what tells it something."""
    link = close_later(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    link.bind(str(tmp_path / "notify"))
    link.setblocking(False)
    return close_later(Systemd(link))


@pytest.fixture
def notify(systemd):
    """Return what tells the service manager."""
    return Notify(systemd.link.getsockname())


def kept(*contents):
    """Return that files in memory with these contents are kept under the name ``files``."""
    descriptors = []
    for content in contents:
        descriptors.append(os.memfd_create("test", os.MFD_CLOEXEC))
        os.write(descriptors[-1], content)
    found = Kept.arrived(descriptors)
    assert found.take({"files": len(contents)})
    return found


def source(name, what):
    """Return a source of which something is kept."""
    return SimpleNamespace(name=name, to_keep=what)


def files(found):
    """Return the contents of what was left, by source."""
    return {
        name: [os.pread(one, 9, 0) for one in left.kept.descriptors["files"]] for name, left in sorted(found.items())
    }


def passed(systemd, close_later):
    """Return variables with which systemd would start the next process, and pass what it has from 3 on."""
    names = list(systemd.look().stored)
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)}


@pytest.fixture
def start(systemd, monkeypatch):
    """Return a function that lets a new supervisor find what systemd passes, at the numbers that it has here."""

    def start(notify, names=None):
        stored = systemd.look().stored
        monkeypatch.setattr(
            "falcohost.host.supervision.keeping._from_systemd",
            lambda variables, main: [(os.dup(descriptor), name) for name, descriptor in stored.items()],
        )
        return left(notify, {})

    return start


def test_what_changes_is_stored_anew(systemd, notify):
    """Each source has one parcel, which has what was kept last; nothing is sent while nothing changes."""
    keeping, one, two = Keeping(notify, {}), source("one", kept(b"1")), source("two", Kept())
    keeping.look([one, two])
    assert ["falcohost-1"] == list(systemd.look().stored)

    keeping.look([one, two])
    assert ["falcohost-1"] == list(systemd.look().stored)

    one.to_keep, two.to_keep = kept(b"2", b"3"), kept(b"4")
    keeping.look([one, two])
    assert ["falcohost-2", "falcohost-3"] == list(systemd.look().stored)
    name, found = parcels.unpacked(systemd.stored["falcohost-2"])
    assert ("one", 2) == (name, len(found.descriptors["files"]))

    one.to_keep.close()
    keeping.look([one, two])
    assert ["falcohost-3"] == list(systemd.look().stored)


def test_the_next_supervisor_takes_over(systemd, notify, start):
    """It has what the former one kept, and replaces its parcels when something changes, with higher numbers."""
    Keeping(notify, {}).look([source("one", kept(b"1")), source("two", kept(b"2"))])
    found = start(notify)
    assert {"one": [b"1"], "two": [b"2"]} == files(found)

    keeping = Keeping(notify, found)
    keeping.look([source("one", found["one"].kept), source("two", found["two"].kept)])
    assert ["falcohost-1", "falcohost-2"] == list(systemd.look().stored)
    keeping.look([source("one", found["one"].kept), source("two", kept(b"3"))])
    assert ["falcohost-1", "falcohost-3"] == list(systemd.look().stored)


def test_killed_between_two_steps(systemd, notify, start):
    """Of two parcels of one source the later counts, and the former is removed."""
    for content in (b"old", b"new"):
        keeping = Keeping(notify, {})
        keeping._number = {b"old": 8, b"new": 9}[content]
        keeping.look([source("one", kept(content))])

    assert {"one": [b"new"]} == files(start(notify))
    assert ["falcohost-10"] == list(systemd.look().stored)


def test_a_source_that_is_gone(systemd, notify, start):
    """What was kept of a source that is not configured any more is let go."""
    Keeping(notify, {}).look([source("one", kept(b"1")), source("two", kept(b"2"))])
    found = start(notify)
    Keeping(notify, found).let_go(found, ["two"])

    assert ["two"] == list(found)
    assert ["falcohost-2"] == list(systemd.look().stored)


def test_through_an_execution():
    """A process that executes itself anew finds its parcels by their numbers; they do not get to what it starts."""
    keeping = Keeping(Notify(), {})
    variables = {VARIABLE: keeping.for_execution([source("one", kept(b"1")), source("two", Kept())])}
    number = int(variables[VARIABLE].partition("=")[0])
    assert os.get_inheritable(number)
    found = left(Notify(), variables)

    assert {"one": [b"1"]} == files(found)
    assert {} == variables
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)
    assert not any(os.get_inheritable(one) for one in found["one"].kept.descriptors["files"])


def test_a_fork_that_has_no_use_for_it():
    """What reads the configuration lets go of what was left; it stays with the process that it was left for."""
    keeping = Keeping(Notify(), {})
    parcel = keeping.for_execution([source("one", kept(b"1"))])
    number = int(parcel.partition("=")[0])
    pid = os.fork()
    if pid == 0:
        let_go_of_passed({VARIABLE: parcel}, os.getppid())
        os._exit(os.path.exists(f"/proc/self/fd/{number}"))  # noqa: PTH110

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert {"one": [b"1"]} == files(left(Notify(), {VARIABLE: parcel}))


@pytest.mark.parametrize(
    "variables",
    [
        {"LISTEN_PID": "1", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "falcohost-1:falcohost-2:falcohost-3"},
        {"LISTEN_FDS": "3"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-3", "LISTEN_FDNAMES": "falcohost-1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "9" * 99, "LISTEN_FDNAMES": "falcohost-1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "4", "LISTEN_FDNAMES": "a:b:http.socket:falcohost-x"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "4"},
        {VARIABLE: "0=falcohost-1 1=falcohost-2 2=falcohost-3 999=falcohost-4"},
        {VARIABLE: "x -1=falcohost-1 99999999999999999999=falcohost-1 \N{SUPERSCRIPT TWO}=falcohost-1 = 3=\0"},
    ],
)
def test_what_a_caller_may_say(variables):
    """Whoever starts the agent may say what he likes: nothing is taken over, nothing is closed, and nothing fails."""
    before = {number: (os.fstat(number).st_ino, os.get_inheritable(number)) for number in range(3)}

    assert {} == left(Notify(), dict(variables))
    assert before == {number: (os.fstat(number).st_ino, os.get_inheritable(number)) for number in range(3)}


def test_no_descriptor_for_a_parcel(notify, systemd, caplog):
    """What was stored before stays until there can be another parcel, which is told once."""
    keeping, what = Keeping(notify, {}), kept(b"old")
    keeping.look([source("one", what)])
    before = [*systemd.look().stored]
    with no_free_descriptor():
        what.version += 1
        for _ in range(3):
            keeping.look([source("one", what)])
    assert before == [*systemd.look().stored]
    assert ["event source 'one': systemd does not keep its descriptors yet: none is free"] == caplog.messages

    keeping.look([source("one", what)])
    assert before != [*systemd.look().stored]
    what.close()
