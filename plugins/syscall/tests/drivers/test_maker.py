"""Filters are made by a process that ends; whatever becomes of it, they are made."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from falcohost import Plan
from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import config, maker, making
from falcohost_syscall.drivers.modern_ebpf.asked import ask
from falcohost_syscall.drivers.modern_ebpf.collection import make_here
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.kernel.libbpf import LibbpfError

CONFIG = config.parse({})
CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))


def opened():
    """Return how many descriptors this process has."""
    return len([*Path("/proc/self/fd").iterdir()])


class Kernel:
    """Makes files instead of maps and programs, and refuses programs of at least *limit* bytes."""

    has_may_goto = True

    def __init__(self, limit=1 << 30):
        self.limit, self.sizes = limit, []

    def make(self, *_):
        """Return a new descriptor."""
        return os.open(os.devnull, os.O_RDONLY)

    hash = trie = table = make

    def program(self, code, kind, tracepoint):
        """Return a new descriptor, if the program is short enough."""
        if len(code) >= self.limit:
            raise LibbpfError("refused", 7, "too long")
        self.sizes.append((len(code), kind, tracepoint))
        return self.make()

    def close(self, descriptor):
        """Close it."""
        os.close(descriptor)


class Probe:
    """Notes what it is told; it has another place for filters beside itself."""

    hooks = frozenset({"path_unlink"})

    def __init__(self, limit=1 << 30):
        self.kernel = Kernel(limit)
        self.places, self.prepared, self.filters = [self, self], [], []

    def map_fd(self, name):
        """Return a number for each name."""
        return sum(name.encode())

    def prepare(self, calls):
        """Note it."""
        self.prepared.append(dict(calls))

    def set_filters(self, programs):
        """Note for what, and check that these are open."""
        self.filters.append([*programs])
        for descriptor in programs.values():
            os.fstat(descriptor)

    def told(self):
        """Return all that was noted."""
        return self.prepared, self.filters, self.kernel.sizes


RULES = (
    "(evt.type = openat and fd.name startswith /etc and not proc.name in (a, bc)) or "
    "(evt.type = execve and proc.cmdline contains secret) or (evt.type = unlink and user.name = root)"
)


@pytest.fixture(scope="module")
def asked():
    """Return what rules ask for."""
    condition = check(parse(RULES), CATALOG).expr
    read = frozenset(ref.field.name for ref in ir.fields(condition))
    return ask(CONFIG, Plan("syscall", event_types(condition, frozenset(BY_NAME)), read, condition=condition))


@pytest.fixture
def elsewhere(monkeypatch):
    """Return a function that has another one run in the process that makes filters, before it does."""
    own, real = os.getpid(), making.make

    def before(do):
        def make(*arguments):
            if os.getpid() != own:
                do(*arguments)
            return real(*arguments)

        monkeypatch.setattr(making, "make", make)

    return before


@pytest.mark.parametrize("limit", [1 << 30, 2000, 0])
def test_the_same_is_made(asked, limit):
    """Another process makes what this one would, also where the kernel refuses filters; then it is gone."""
    here, aside = Probe(limit), Probe(limit)
    before = opened()

    expected, made = make_here(asked, CONFIG, 7, here), maker.make_aside(asked, CONFIG, 7, aside)

    assert expected == made
    assert here.told() == aside.told()
    assert before == opened()
    assert not maker._LEFT


def killed(*_):
    """End at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def stopped(*_):
    """Stop for good."""
    os.kill(os.getpid(), signal.SIGSTOP)


def broken(*_):
    """Fail."""
    raise RuntimeError("broken")


def saying(*message):
    """Return a function that sends a message and makes nothing."""

    def do(asked, config, agent, probe):
        probe.ask(*message)

    return do


@pytest.mark.parametrize(
    "do",
    [killed, stopped, broken, saying("reboot"), saying("close", 0), saying("set", 0, [["filters", 1, 0]]), saying()],
)
def test_it_is_made_all_the_same(asked, elsewhere, monkeypatch, caplog, do):
    """If the process is killed, stopped or asks for what it may not, the loader makes the filters itself."""
    monkeypatch.setattr(maker, "SILENT", 1.0)
    monkeypatch.setattr(maker, "ENDS", 0.1)
    elsewhere(do)
    probe = Probe()
    before = opened()

    made = maker.make_aside(asked, CONFIG, 7, probe)

    assert make_here(asked, CONFIG, 7, Probe()) == made
    assert probe.filters and "makes them itself" in caplog.text
    assert before == opened()
    for pid in [*maker._LEFT]:
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 120
    while maker._LEFT and time.monotonic() < until:
        maker._reap(0.1)
    assert not maker._LEFT


def test_it_has_no_descriptors(asked, elsewhere, tmp_path):
    """The process keeps the socket alone, so that it holds nothing of the probe."""

    def look(*_):
        found = set()
        for one in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # the folder itself
                found.add(str(one.readlink()).partition(":")[0])
        (tmp_path / "seen").write_text("\n".join(found))

    with (tmp_path / "open").open("w"):
        elsewhere(look)
        maker.make_aside(asked, CONFIG, None, Probe())

    seen = {*(tmp_path / "seen").read_text().split("\n")}
    assert {"/dev/null", "socket"} <= seen
    assert {"/dev/null", "socket"} >= {one for one in seen if not one.startswith("/proc/")}
