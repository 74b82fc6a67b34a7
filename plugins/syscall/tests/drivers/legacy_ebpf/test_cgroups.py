"""Cgroups are found by the numbers of their folders, as long as they are there."""

from __future__ import annotations

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.legacy_ebpf import driver as drivers
from falcohost_syscall.drivers.legacy_ebpf.cgroups import Cgroups
from falcohost_syscall.drivers.legacy_ebpf.recipes import EXECUTED
from falcohost_syscall.processes import procfs


@pytest.fixture
def folder(tmp_path):
    """Return a folder that looks like the hierarchy of version 2."""
    (tmp_path / "cgroup.controllers").write_text("")
    (tmp_path / "docker" / "one").mkdir(parents=True)
    return tmp_path


def number(folder):
    """Return the number of a cgroup."""
    return folder.stat().st_ino


def test_a_cgroup_has_its_path(folder):
    """Each cgroup is found, the root too; one that is made later, as well; one that is gone is not."""
    cgroups, later = Cgroups(folder), folder / "docker" / "two"

    assert ["/", "/docker", "/docker/one"] == [
        cgroups.path(number(one)) for one in (folder, folder / "docker", folder / "docker" / "one")
    ]
    later.mkdir()
    wait_until(lambda: cgroups.path(number(later)) == "/docker/two")
    gone = number(later)
    later.rmdir()
    assert cgroups.path(gone) is None


def test_a_generation_in_front(folder):
    """Old kernels tell a generation in front of the inode."""
    one = folder / "docker" / "one"

    assert "/docker/one" == Cgroups(folder).path(7 << 32 | number(one))


def test_other_hierarchies(folder):
    """Where version 1 has hierarchies too, the number says nothing."""
    (folder / "cgroup.controllers").unlink()

    assert Cgroups(folder).path(number(folder / "docker")) is None


class Started:
    """The record of a program that starts in a cgroup."""

    number, tid = EXECUTED, 4711

    def __init__(self, cgroup):
        self.cgroup = cgroup


@pytest.mark.parametrize("in_proc", [None, b"0::/elsewhere\n"])
def test_where_a_program_started(folder, monkeypatch, in_proc):
    """A program that has ended, or gone on to another cgroup, has that in which it started."""
    driver = drivers.LegacyEbpf({"engine": {"kind": "ebpf"}})
    driver._folders = Cgroups(folder)
    monkeypatch.setattr(procfs, "read", lambda pid, what: in_proc)

    assert b"=/docker/one\0" == driver._around(Started(number(folder / "docker" / "one"))).cgroups
