"""Filters that a fork compiles: the same as those that are compiled here, and made by this process."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from watching import plan

from falcohost.testing.waiting import PATIENCE, SLOWNESS
from falcohost_syscall.drivers.modern_ebpf import at_first, making
from falcohost_syscall.drivers.modern_ebpf.filters import load
from falcohost_syscall.drivers.modern_ebpf.making import load_apart
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.plan import conditions

NAMES = ", ".join(f"/etc/{number}" for number in range(100))
CONDITION = f"""
    evt.type in (openat, connect, execve)
    and (fd.name in ({NAMES}) or fd.name startswith /srv/x or proc.name in (a, bb) or fd.snet = "10.0.0.0/8")
"""


class Told:
    """A kernel that notes what it is asked for, in which process, and refuses some programs."""

    has_may_goto = True

    def __init__(self, refused=()):
        self.told = []
        self.processes = set()
        self._refused = refused

    def _made(self, *what):
        self.told.append(what)
        self.processes.add(os.getpid())
        return os.open("/dev/null", os.O_RDONLY)

    def hash(self, keys, size):
        """Make a hash map."""
        return self._made("hash", sorted(keys), size)

    def trie(self, prefixes, size):
        """Make a trie."""
        return self._made("trie", sorted(map(tuple, prefixes)), size)

    def table(self, value):
        """Make an array."""
        return self._made("table", value)

    def program(self, code, *where):
        """Load a program, or refuse it."""
        if sum(one[0] == "program" for one in self.told) in self._refused:
            self.told.append(("program", "refused"))
            raise LibbpfError("The kernel refused a program", 22, "too odd")
        return self._made("program", len(code), *where)

    def close(self, descriptor):
        """Close a descriptor."""
        os.close(descriptor)


class Place(NamedTuple):
    """Where filters are to be."""

    kernel: Told

    def map_fd(self, name):
        """Return any map, with a number that no descriptor has."""
        return 1 << 30


@pytest.fixture
def needed():
    """Return the conditions of three event types."""
    return conditions(plan(CONDITION), Users())


def descriptors():
    """Return this process's descriptors, without that of the folder in which they are listed."""
    return {name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")}  # noqa: PTH208


def both(needed, *refused):
    """Return what was told and found where one fork has compiled, and where this process has."""
    found = []
    for how in (partial(load_apart, forks=1), load):
        kernel = Told(refused)
        filters = how(needed, Place(kernel))
        assert all(Path(f"/proc/self/fd/{one}").readlink() == Path(os.devnull) for one in filters.programs.values())
        found.append((kernel.told, [*filters.programs], filters.weaker))
        assert kernel.processes <= {os.getpid()}
        filters.close()
    return found


def test_the_same(needed):
    """The same maps and programs are made, by this process."""
    before = descriptors()
    apart, here = both(needed)

    assert apart == here
    assert {"hash", "trie", "program"} <= {name for name, *_ in apart[0]}
    assert before == descriptors()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("refused", [(), (1,), range(100)])
def test_two_forks(needed, refused):
    """Two forks make the same between them, whoever of them is first; both may make a map that both need."""
    before, made = descriptors(), []
    for how in (partial(load_apart, forks=2), load):
        kernel = Told(refused)
        filters = how(needed, Place(kernel))
        made.append(({*map(repr, kernel.told)}, {*filters.programs}, sorted(filters.weaker)))
        assert kernel.processes <= {os.getpid()}
        filters.close()

    assert len(at_first.shares(needed, 2)) == 2
    assert refused == (1,) or made[0] == made[1]
    assert bool(refused) == any("too odd" in sentence for _, _, weaker in made for sentence in weaker)
    assert before == descriptors()


class Together(Told):
    """A kernel that checks the first program of each of two only while it checks that of the other."""

    def __init__(self):
        super().__init__()
        self._both = threading.Barrier(2)
        self._first = 2

    def program(self, code, *where):
        """Load a program."""
        if self._first:
            self._first -= 1
            self._both.wait(PATIENCE * SLOWNESS)
        return super().program(code, *where)


def test_programs_are_checked_at_the_same_time(needed):
    """The kernel checks a program of one fork while it checks that of the other; no thread is left."""
    before = threading.active_count()
    filters = load_apart(needed, Place(Together()), forks=2)

    assert filters.programs
    assert before == threading.active_count()
    filters.close()


@pytest.mark.parametrize("refused", [(0,), (1, 2), range(100)])
def test_what_the_kernel_refuses(needed, refused):
    """A weaker filter takes the place of one that the kernel has refused, for the same reason."""
    apart, here = both(needed, *refused)

    assert apart == here
    assert any("too odd" in sentence for sentence in apart[2])


@pytest.mark.parametrize("asked", [0, 3])
def test_a_fork_that_ends_early(needed, monkeypatch, asked):
    """Then everything is made here, and what the fork had is given back."""
    before, kernel, process = descriptors(), Told(), os.getpid()
    send = making._Link.send

    def sent(link, what):
        if os.getpid() != process and sent.left == 0:
            os._exit(1)
        sent.left -= os.getpid() != process
        send(link, what)

    sent.left = asked
    monkeypatch.setattr(making._Link, "send", sent)
    filters = load_apart(needed, Place(kernel))
    here = load(needed, Place(Told()))

    assert here.programs.keys() == filters.programs.keys()
    filters.close()
    here.close()
    assert before == descriptors()


def test_no_fork(needed, monkeypatch):
    """Where no process can be made, everything is made here."""
    monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(BlockingIOError(11, "no more processes")))
    before = descriptors()
    filters = load_apart(needed, Place(Told()))

    assert filters.programs
    filters.close()
    assert before == descriptors()


def later(needed, *places):
    """Return filters that forks compile, each for a place, in slices of time."""
    made = [making.Later(needed, place) for place in places]
    found = []
    for one in made:
        while (filters := one.go_on(0.001)) is None:
            pass
        found.append(filters)
    return made, found


def test_filters_that_come_later(needed):
    """They are the same; whoever is closed first ends, and nothing is left."""
    before = descriptors()
    kernels = Told(), Told()
    made, found = later(needed, *map(Place, kernels))
    here = load(needed, Place(told := Told()))

    assert [told.told] * 2 == [kernel.told for kernel in kernels]
    assert [here.programs.keys()] * 2 == [one.programs.keys() for one in found]
    here.close()
    for one in made:
        one.close()
    assert before == descriptors()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("begun", [False, True])
def test_filters_that_are_not_needed_any_more(needed, begun):
    """Two forks end when they are let go, whatever they have."""
    before = descriptors()
    made = [making.Later(needed, Place(Told())) for _ in range(2)]
    if begun:
        made[0].go_on(0)
    for one in made:
        one.close()

    assert before == descriptors()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


class Noting(Told):
    """A kernel that notes in a file which process asks what it has."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    @property
    def has_may_goto(self):
        """Note who asks."""
        with self._path.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return True


def test_what_the_kernel_has_is_asked_here(needed, tmp_path):
    """A fork loads no program to learn it: rules would tell of that, since it is none of the processes that may."""
    kernel = Noting(tmp_path / "asked")
    load_apart(needed, Place(kernel)).close()
    (made,), _ = later(needed, Place(kernel))
    made.close()

    assert {str(os.getpid())} == {*(tmp_path / "asked").read_text().split()}


def test_a_fork_only_computes(needed):
    """It has no capability, no descriptor but its link, opens none, and gets no more by a program that it starts."""
    maker = making.Later(needed, Place(Told()))
    own = Path(f"/proc/{maker._maker.pid}")
    end = time.monotonic() + PATIENCE
    last = ("NoNewPrivs:\t1", "CapPrm:\t0000000000000000")
    while not all(line in (status := own.joinpath("status").read_text()) for line in last):
        assert time.monotonic() < end, status
        time.sleep(0.01)
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    limit = next(line for line in own.joinpath("limits").read_text().splitlines() if line.startswith("Max open files"))
    descriptors = [one.name for one in own.joinpath("fd").iterdir() if int(one.name) > 2]
    maker.close()

    assert {"0000000000000000"} == {told["CapEff"], told["CapInh"], told["CapAmb"]}
    assert ["0", "0"] == limit.split()[3:5]
    assert 1 == len(descriptors)
