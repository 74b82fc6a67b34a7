"""What a process prepares ahead reaches the loader; without it, the loader prepares everything itself."""

import json
import os
import signal
import sys
import types
from pathlib import Path

import pytest

from falcohost import SourceError
from falcohost.by_name import called_by_name
from falcohost.host.forked import own_children
from falcohost.host.loader import take_prepared
from falcohost.host.supervision.ahead import Ahead
from falcohost.host.supervision.loop import Loop
from falcohost.host.worker_data import LoaderData, Loading, seal_early
from falcohost.testing.waiting import wait_until


class Loader:
    """A loader of which a part can be done ahead; what it has taken is in ``prepared``."""

    def __init__(self, settings):
        self.settings, self.prepared = settings, None

    def prepare_ahead(self, link, asked, cache):
        """Send what this process has."""
        if self.settings.get("waits"):
            asked(None)
        if self.settings["fails"]:
            raise SourceError("there is no such kernel")
        if self.settings.get("stops"):
            os.kill(os.getpid(), signal.SIGSTOP)
        link.sendall(json.dumps([*sorted(os.environ), self.settings["agent_pid"]]).encode())

    def take_prepared(self, link):
        """Receive it."""
        with link.makefile() as lines:
            if not (line := lines.read()):
                raise EOFError
        self.prepared = json.loads(line)


@pytest.fixture
def ahead(monkeypatch):
    """Return what has processes prepare; the tests end them."""
    module = types.ModuleType("plugin_with_loaders")
    module.early, module.plain = called_by_name("load")(Loader), called_by_name("load")(lambda settings: object())
    monkeypatch.setitem(sys.modules, "plugin_with_loaders", module)
    monkeypatch.setattr("falcohost.host.functions.has_module", {"plugin_with_loaders"}.__contains__)
    monkeypatch.setenv("SECRET", "1")
    return Ahead()


@pytest.fixture
def loop():
    """Return the loop of a supervisor."""
    return Loop()


def begin(ahead, source, name="early", **settings):
    """Have a process prepare for *source*; return its pid."""
    loading = Loading(f"plugin_with_loaders:{name}", [], json.dumps({"fails": False, **settings}).encode())
    data = seal_early(LoaderData(source, False, [], {b"MEANT": b"1"}, (), {}, b"", loading))
    before = {*children()}
    ahead.begin(source, data)
    os.close(data)
    (pid,) = {*children()} - before
    return pid


def children():
    """Return the children of this process."""
    return map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def taken(ahead, source):
    """Return what a loader of *source* takes."""
    loader = Loader({})
    with ahead.taken(source) as link:
        if link is None:
            return "nobody"
        take_prepared(loader, os.dup(link))
    return loader.prepared


def test_what_is_prepared_is_taken_once(ahead):
    """It is that of the same source, made with the environment that is meant for it, as a child of the agent."""
    pids = [begin(ahead, source) for source in ("one", "two")]
    found = taken(ahead, "two")

    assert "nobody" == taken(ahead, "three")
    assert ("MEANT" in found, "SECRET" in found, found[-1]) == (True, False, os.getpid())
    assert "nobody" == taken(ahead, "two")
    assert found == taken(ahead, "one")
    assert [0, 0] == [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


@pytest.mark.parametrize(("name", "settings"), [("early", {"fails": True}), ("plain", {}), ("gone", {})])
def test_what_cannot_be_prepared(ahead, capfd, name, settings):
    """The loader takes nothing, and nobody says a word: it will find out the same."""
    pid = begin(ahead, "one", name, **settings)

    assert None is taken(ahead, "one")
    os.waitpid(pid, 0)
    assert ("", "") == capfd.readouterr()


def test_a_source_that_is_not_opened(ahead, loop):
    """The process that prepares for it is ended; those for others go on. Each is reaped when it has ended."""
    pids = [begin(ahead, source) for source in ("one", "two")]
    ahead.leave({"two"}, loop)

    assert "nobody" == taken(ahead, "one")
    assert taken(ahead, "two")
    while any(pid in own_children() for pid in pids):
        loop.turn()
    assert [] == [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_the_end_of_a_run(ahead, loop):
    """Those that have not ended are ended with it, and no descriptor is left, whether a start came so far or not."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    pids = [begin(ahead, source, waits=True) for source in ("one", "two")]
    ahead.leave({"one"}, loop)
    pids.append(begin(ahead, "three", waits=True))
    ahead.close()

    assert [] == [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert "nobody" == taken(ahead, "three")
    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_one_that_is_stopped(ahead, loop):
    """The loader does not wait for a process that somebody has stopped: it is ended, and nothing is taken."""
    pid = begin(ahead, "one", stops=True)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    ahead.leave({"one"}, loop)

    assert None is taken(ahead, "one")
    while pid in own_children():
        loop.turn()


def test_nobody_can_be_started(ahead, monkeypatch):
    """Where there can be no process nothing is prepared, and no descriptor is left."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    def fork():
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fork)
    ahead.begin("one", 0)

    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert "nobody" == taken(ahead, "one")
