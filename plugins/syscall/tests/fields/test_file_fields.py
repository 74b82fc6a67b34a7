"""Fields and parameters about files and paths, of events made by hand."""

from __future__ import annotations

import os
import stat

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost.engine.catalog import Catalog
from falcohost.engine.template import Template
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.records import record as R

BASH = Task(5_000_001, start=5_000_001, ppid=1, comm=b"bash")


def opened(path=b"/etc/shadow", *, flags=0, ret=3, kernel=None, directory=None, fmode=0, layer=0, args=()):
    """Return a record of openat."""
    sections = {R.SEC_PATH: path}
    if directory is not None:
        sections[R.SEC_DIR] = directory
    if ret >= 0:
        sections |= {R.SEC_FD: handmade.fdinfo(fmode=fmode, layer=layer), R.SEC_FDPATH: kernel or path}
    return handmade.call("openat", BASH, ret, args or (-100, 0, flags, 0o644), sections)


def test_args_of_an_open(one, get):
    """Parameters are shown as Falco shows them: raw, and resolved in brackets."""
    event = one(opened(flags=os.O_CREAT | os.O_WRONLY | os.O_TRUNC, fmode=0x100000, layer=1))

    assert (
        "fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc/shadow "
        "flags=49414(O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER) mode=0644 dev=FE00 ino=42"
    ) == get(event, "evt.args")
    assert get(event, "evt.is_open_write") is True
    assert get(event, "evt.is_open_read") is False
    assert get(event, "evt.is_open_create") is True


def test_args_of_a_failed_open(one, get):
    """An error is shown by its name, and the mode is nothing where nothing would be made."""
    event = one(opened(b"x", ret=-2, directory=b"/tmp/a"))

    assert ("fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=x(/tmp/a/x) flags=1(O_RDONLY) mode=0 dev=0 ino=0") == get(
        event, "evt.args"
    )
    assert (get(event, "evt.res"), get(event, "evt.rawres"), get(event, "evt.failed")) == ("ENOENT", -2, True)


def test_device(one, get):
    """A device number is compared as a number and shown in hexadecimal digits, as in Falco; its parts are decimal."""
    event = one(opened())
    shown = Template.parse("%fd.dev %fd.dev.major %fd.dev.minor", Catalog("syscall", FIELDS))

    assert 0xFE00 == get(event, "fd.dev")
    assert "FE00 254 0" == shown.message(event)


def test_file_of_an_exec(one, get):
    """The file that was to be executed is shown as passed, and made whole."""
    sections = {R.SEC_PATH: b"./x", R.SEC_DIR: b"/tmp"}
    event = one(handmade.call("execve", BASH, -2, (), sections))

    assert "/tmp/x" == get(event, "evt.arg", "filename")
    assert get(event, "evt.args").endswith(" filename=./x(/tmp/x)")


@pytest.mark.parametrize(
    ("arg", "text"),
    [("name", "/tmp/x"), ("flags", "O_RDONLY"), (2, "/tmp/x"), (0, "ENOENT"), (99, None), ("uid", None)],
)
def test_one_parameter(one, get, arg, text):
    """A parameter is asked for by name or place; one that the event has not is absent."""
    assert text == get(one(opened(b"x", ret=-2, directory=b"/tmp")), "evt.arg", arg)


def test_raw_parameter_is_a_number(one, get):
    """The raw value of flags is Falco's number."""
    assert 2 == get(one(opened(flags=os.O_WRONLY)), "evt.rawarg", "flags")


def test_name_is_what_the_kernel_opened(one, get):
    """An opened file has the name that the kernel found; as passed it is in fd.nameraw."""
    event = one(opened(b"../lnk", kernel=b"/etc/shadow", directory=b"/tmp/a"))

    names = ("fd.name", "fd.nameraw", "fs.path.name")

    assert ("/etc/shadow", "../lnk", "/etc/shadow") == tuple(get(event, name) for name in names)
    assert (get(event, "fd.directory"), get(event, "fd.filename")) == ("/etc", "shadow")


def test_name_of_a_failed_open(one, get):
    """A file that was not opened has the name that was asked for, made absolute."""
    event = one(opened(b"./a/../b", ret=-13, directory=b"/srv"))

    assert ("/srv/b", "/srv", None) == tuple(get(event, f"fd.{what}") for what in ("name", "directory", "filename"))


@pytest.mark.parametrize(
    ("name", "args", "number", "char"),
    [
        ("openat", (-100,), -1, "f"),
        ("socket", (999,), -1, "4"),
        ("pipe2", (0,), -1, "p"),
        ("socketpair", (2,), -1, "o"),
        ("eventfd2", (0,), -1, "e"),
        ("memfd_create", (0,), -1, "o"),
        ("dup", (99,), -1, "o"),
        ("fcntl", (97,), 97, "o"),
        ("unlinkat", (-100,), -100, "o"),
    ],
)
def test_descriptor_of_a_failed_call(one, get, name, args, number, char):
    """A call that failed made no descriptor: it has no type, its character is the call's, a new one has number -1."""
    event = one(handmade.call(name, BASH, -22, args))

    assert (number, None, char) == tuple(get(event, f"fd.{what}") for what in ("num", "type", "typechar"))


def test_directory_beside_a_path(one, get):
    """A descriptor beside a path is shown with its directory; what names the working directory has no name itself."""
    sections = {R.SEC_PATH: b"x", R.SEC_DIR: b"/srv", R.SEC_PATH2: b"y", R.SEC_DIR2: b"/tmp"}
    event = one(handmade.call("renameat", BASH, 0, (3, 0, -100, 0), sections))
    removed, here = (one(handmade.call("unlinkat", BASH, 0, (fd, 0, 0), sections)) for fd in (3, -100))

    assert get(event, "evt.args").startswith("res=0 olddirfd=3(<d>/srv) oldpath=x(/srv/x) newdirfd=-100(AT_FDCWD) ")
    assert ("/srv", "") == (get(removed, "fd.name"), get(here, "fd.name"))


def test_unknown_directory(one, get):
    """Where the descriptor beside a path is none, the path is shown alone."""
    event = one(handmade.call("unlinkat", BASH, -9, (99, 0, 0), {R.SEC_PATH: b"x"}))

    assert "res=-9(EBADF) dirfd=99 name=x(x) flags=0" == get(event, "evt.args")


@pytest.mark.parametrize(
    ("mode", "path", "kind", "char"),
    [
        (stat.S_IFREG, b"/x", "file", "f"),
        (stat.S_IFDIR, b"/x", "directory", "d"),
        (stat.S_IFIFO, b"", "pipe", "p"),
        (stat.S_IFCHR, b"/dev/tty", "file", "f"),
        (0, b"[eventfd]", "event", "e"),
        (0, b"[eventpoll]", "eventpoll", "l"),
        (0, b"bpf-map", "bpf", "b"),
        (0, b"inotify", "inotify", "i"),
        (stat.S_IFREG, b"memfd:x", "memfd", "m"),
    ],
)
def test_types(one, get, mode, path, kind, char):
    """The type of a descriptor is told by its inode, that of an anonymous one by its name."""
    sections = {R.SEC_FD: handmade.fdinfo(mode), R.SEC_FDPATH: path}
    event = one(handmade.call("dup", BASH, 3, (4,), sections))

    assert (kind, char) == (get(event, "fd.type"), get(event, "fd.typechar"))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("truncate", "fs.path.name", "/a/x"),
        ("renameat2", "fs.path.source", "/a/x"),
        ("renameat2", "fs.path.target", "/b/y"),
        ("linkat", "fs.path.source", "/b/y"),
        ("linkat", "fs.path.target", "/a/x"),
        ("renameat2", "fs.path.sourceraw", "x"),
        ("renameat2", "fs.path.name", None),
    ],
)
def test_two_paths(one, get, name, field, value):
    """Each of two paths is relative to its own directory."""
    sections = {R.SEC_PATH: b"x", R.SEC_DIR: b"/a", R.SEC_PATH2: b"y", R.SEC_DIR2: b"/b"}

    assert value == get(one(handmade.call(name, BASH, 0, (3, 0, 4), sections)), field)
