"""What the answer to the rules depends on besides them: it is kept only as long as that is the same."""

import os
from types import SimpleNamespace

import pytest

from falcohost_syscall.drivers import drivers
from falcohost_syscall.processes import users

SETTINGS = {"engine": {"kind": "modern_ebpf"}}
LINE = "root:x:0:0::/:/bin/sh\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return the folder below which the files with accounts are."""
    (tmp_path / "etc/falcohost").mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text(LINE)
    monkeypatch.setattr(users, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["passwd", "group", "falcohost/passwd", "falcohost/group"])
def test_accounts_are_part_of_it(root, name):
    """Another account in any of the files is noticed."""
    before = drivers.asked_with(SETTINGS)
    with (root / "etc" / name).open("a") as file:
        file.write("new:x:7:7::/:/bin/sh\n")

    assert before != drivers.asked_with(SETTINGS)


def test_it_is_the_content_that_counts(root):
    """Accounts that changed are noticed where time, size and inode of the file are the same, as in images."""
    file = root / "etc/passwd"
    before, status = drivers.asked_with(SETTINGS), file.stat()
    with file.open("r+") as opened:
        opened.write("toor")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert before[0] == drivers.asked_with(SETTINGS)[0]
    assert before != drivers.asked_with(SETTINGS)


def test_a_file_that_was_written_again_counts(root):
    """The answer names the state of the files, so that the same content in another state is another answer."""
    before = drivers.asked_with(SETTINGS)
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").write_text(LINE)
    os.utime(root / "etc/passwd", ns=(5, 5))

    assert before != drivers.asked_with(SETTINGS)


def test_the_kernel_counts(root, monkeypatch):
    """Filters are compiled for a kernel: another one is another answer."""
    before, found = drivers.asked_with(SETTINGS), os.uname()
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=found.machine, release="6.1.0"))

    assert before != drivers.asked_with(SETTINGS)


def test_other_drivers_say_nothing():
    """A driver of which it is not known on what its answers depend is always asked."""
    assert drivers.asked_with({"engine": {"kind": "kmod"}}) is None
