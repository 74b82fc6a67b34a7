"""The probe finds files from what calls leave behind: a new root directory, a mount."""

from __future__ import annotations

import subprocess
import sys

import pytest
from read_probe import ReadProbe

from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.wanted import calls
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

TYPES = frozenset({"chroot", "mount", "move_mount", "open_tree", "fsopen", "fsconfig", "setxattr", "fsetxattr"})
LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.fixture
def told(watched, tmp_path):
    """Return a function that runs Python in mounts of its own and returns the sections of one event type's records."""
    for folder in ("real/in", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "real/file").write_text("")
    (tmp_path / "link").symlink_to("real")
    watched.driver.set_calls(calls(TYPES))

    def told(script, name):
        found = watched.run("unshare", "-m", sys.executable, "-ISc", LIBC + script, cwd=tmp_path)
        call = BY_NAME[name].call
        return [r for r in found if r.header.kind == R.KIND_CALL and r.header.call == call and r.header.ppid]

    yield told
    watched.driver.set_calls({})


def real(record):
    """Return the path that was really reached, if the record tells one."""
    return record.sections.get(R.SEC_REALPATH)


@pytest.mark.parametrize(
    ("path", "led_to"), [("link", "real"), ("link/../link/in", "real/in"), ("/proc/self/root", "/"), (".", "")]
)
def test_root(told, tmp_path, path, led_to):
    """A new root directory is told by its path from the root of the mounts, whatever led to it."""
    (record,) = told(f"os.chroot({path!r})", "chroot")

    assert bytes(tmp_path / led_to) == real(record)


def test_root_of_a_root(told, tmp_path):
    """Below a new root directory a further one is told from the root of the mounts too."""
    _, record = told("os.chroot('link')\nos.chroot('/in')", "chroot")

    assert bytes(tmp_path / "real/in") == real(record)


def test_no_root(told):
    """Where the root directory is not changed none is told."""
    (record,) = told("try: os.chroot('none')\nexcept OSError: pass", "chroot")

    assert (-2, None) == (record.header.ret, real(record))


def test_mount(told, tmp_path):
    """A mount is told by where it is."""
    mounts = told("libc.mount(b'none', b'link/in', b'tmpfs', 0, None)", "mount")

    assert (0, bytes(tmp_path / "real/in")) == (mounts[-1].header.ret, real(mounts[-1]))


def test_mount_below_a_second_one(told, tmp_path):
    """Where the machine's init reaches the place by another path, that is told beside."""
    script = "libc.mount(b'real', b'other', None, 4096, None)\nlibc.mount(b'none', b'other/in', b'tmpfs', 0, None)"
    record = told(script, "mount")[-1]

    assert (bytes(tmp_path / "other/in"), bytes(tmp_path / "real/in")) == (
        real(record),
        record.sections[R.SEC_REALHOST],
    )


def test_change_of_a_mount(told, tmp_path):
    """A change of a mount makes none, so the place of the latest mount says nothing."""
    script = "libc.mount(b'none', b'link/in', b'tmpfs', 0, None)\nlibc.mount(None, b'/', None, 32 | 4096, None)"
    made, changed = told(script, "mount")[-2:]

    assert (bytes(tmp_path / "real/in"), None) == (real(made), real(changed))


def test_own_mounts(watched, told, tmp_path):
    """A file that init does not reach also has its path through its oldest mount, from the root of the own mounts."""
    watched.driver.set_calls(calls(TYPES | {"openat"}))
    script = """
libc.mount(b"none", b"other", b"tmpfs", 0, None)
open("other/file", "w").close()
libc.mount(b"other", b"real/in", None, 4096, None)
os.close(os.open("real/in/file", 0))
os.chroot("other")
os.close(os.open("/file", 0))
"""
    first, second, third = [
        r.sections for r in told(script, "openat") if r.sections.get(R.SEC_PATH, b"")[-4:] == b"file"
    ]

    assert R.SEC_HOSTPATH not in first
    assert (bytes(tmp_path / "real/in/file"), bytes(tmp_path / "other/file")) == (
        second[R.SEC_FDPATH],
        second[R.SEC_HOSTPATH],
    )
    assert (b"/file", bytes(tmp_path / "other/file")) == (third[R.SEC_FDPATH], third[R.SEC_HOSTPATH])


def test_tree(told, tmp_path):
    """A mount that is moved by its descriptor has the name of its new place, and of what was copied."""
    script = (
        "tree = libc.syscall(428, -100, b'link/file', 1)\n"
        "open('to', 'w').close()\n"
        "assert libc.syscall(429, tree, b'', -100, b'other/../to', 4) == 0"
    )
    (copied,), (moved,) = told(script, "open_tree"), told(script, "move_mount")

    assert bytes(tmp_path / "real/file") == copied.sections[R.SEC_HOSTPATH]
    assert (bytes(tmp_path / "to"), b"other/../to") == (moved.sections[R.SEC_FDPATH], moved.sections[R.SEC_PATH])


def test_file_system_by_steps(told):
    """The file system that is asked for, and what is set of it, are told."""
    script = "system = libc.syscall(430, b'tmpfs', 0)\nlibc.syscall(431, system, 1, b'source', b'/dev/none', 0)"
    (opened,), (configured,) = told(script, "fsopen"), told(script, "fsconfig")

    assert b"tmpfs" == opened.sections[R.SEC_STR]
    assert (b"source", b"/dev/none") == (configured.sections[R.SEC_STR], configured.sections[R.SEC_PATH2])


@pytest.mark.parametrize(("file", "name"), [("'link/file'", "setxattr"), ("os.open('link/file', 0)", "fsetxattr")])
def test_attribute(told, file, name):
    """The name of an extended attribute that is set is told."""
    (record,) = told(f"try: os.setxattr({file}, 'user.mark', b'')\nexcept OSError: pass", name)

    assert b"user.mark" == record.sections[R.SEC_STR]


def test_falcos_reading(machine):
    """Where names are to be as they were requested, nothing is looked for."""
    with ReadProbe(options=Options(requested=True)) as driver:
        driver.set_calls(calls(TYPES))
        process = subprocess.Popen([sys.executable, "-ISc", "import os; os.chroot('/')"])
        process.wait(timeout=PATIENCE)
        found = [record for record in driver.read() if parts.header(record).pid == process.pid]
        told = [dict(parts.sections(record)) for record in found if parts.header(record).call == BY_NAME["chroot"].call]

    assert [{R.SEC_PATH: b"/"}] == told
