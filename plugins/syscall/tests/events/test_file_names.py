"""The names of a file, each in a view of the event, and the fields that follow the view."""

from __future__ import annotations

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost.errors import ConfigError
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.config import parse
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.parameters.texts import render_all, shown
from falcohost_syscall.parameters.values import find
from falcohost_syscall.records.record import (
    FLAG_OTHER_NAME,
    KIND_CALL,
    SEC_DIR,
    SEC_FD,
    SEC_FDPATH,
    SEC_HOSTDIR,
    SEC_HOSTDIR2,
    SEC_HOSTPATH,
    SEC_PATH,
    SEC_PATH2,
    SEC_REALHOST,
    SEC_REALPATH,
    SEC_REALPATH2,
    SEC_STR,
)

BASH = Task(5_000_001, start=5_000_001)
GET = {field.name: field.get for field in FIELDS}


def event(name, sections, ret=3, **settings):
    """Return the event of one record."""
    decoder = handmade.decoder(name, all_names=parse({"falcohost": settings}).all_names)
    flags = FLAG_OTHER_NAME * (not {SEC_HOSTPATH, SEC_HOSTDIR, SEC_HOSTDIR2, SEC_REALHOST}.isdisjoint(sections))
    data = handmade.record(KIND_CALL, BASH, sections, call=BY_NAME[name].call, ret=ret, flags=flags)
    return next(decoder.events([data]))


def opened(path, real, host=None, directory=None):
    """Return the sections of an open that went well."""
    found = {SEC_PATH: path, SEC_FD: handmade.fdinfo(), SEC_FDPATH: real}
    found |= {SEC_DIR: directory} if directory else {}
    return found | ({SEC_HOSTPATH: host} if host else {})


def values(seen, name):
    """Return a field's value in the event and in each of its alternatives."""
    return [GET[name](view, None) for view in (seen, *seen.alternatives)]


@pytest.mark.parametrize(
    ("sections", "names"),
    [
        (opened(b"/etc/shadow", b"/etc/shadow"), ["/etc/shadow"]),
        (opened(b"/etc/./shadow", b"/etc/shadow"), ["/etc/shadow"]),
        (opened(b"shadow", b"/etc/shadow", directory=b"/etc"), ["/etc/shadow"]),
        (opened(b"l/shadow", b"/etc/shadow", directory=b"/tmp"), ["/etc/shadow", "/tmp/l/shadow"]),
        (opened(b"/b/shadow", b"/b/shadow", b"/etc/shadow"), ["/b/shadow", "/etc/shadow"]),
        (opened(b"/l", b"/b/shadow", b"/etc/shadow"), ["/b/shadow", "/l", "/etc/shadow"]),
    ],
)
def test_names_of_an_opened_file(sections, names):
    """First the real name, then those that differ: the one that was asked for, the host's."""
    seen = event("openat", sections)

    assert names == values(seen, "fd.name")
    assert names == values(seen, "fs.path.name")
    assert [name.rpartition("/")[2] for name in names] == values(seen, "fd.filename")
    assert [name.rpartition("/")[0] or "/" for name in names] == values(seen, "fd.directory")


def test_each_name_has_a_field():
    """In every view the same three fields say which is which, and the raw one what was passed."""
    seen = event("openat", opened(b"l", b"/b/shadow", b"/etc/shadow", directory=b"/tmp"))

    for name, value in (("real", "/b/shadow"), ("requested", "/tmp/l"), ("host", "/etc/shadow")):
        assert [value] * 3 == values(seen, f"fd.name.{name}")
    assert ["l"] * 3 == values(seen, "fd.nameraw")


def test_a_file_that_is_not_there_has_one_name():
    """After a failed open there is only what was asked for."""
    assert ["/tmp/x"] == values(event("openat", {SEC_PATH: b"x", SEC_DIR: b"/tmp"}, ret=-2), "fd.name")


def test_a_file_that_was_opened_before():
    """A file that is read through a descriptor has the real name and the host's."""
    sections = {SEC_FD: handmade.fdinfo(), SEC_FDPATH: b"/b/shadow", SEC_HOSTPATH: b"/etc/shadow"}

    assert ["/b/shadow", "/etc/shadow"] == values(event("read", sections), "fd.name")


def test_paths_of_calls_without_a_file():
    """A path that starts from a directory with a name of the host's has one too, each of two by itself."""
    sections = {
        SEC_PATH: b"/a/../x",
        SEC_HOSTDIR: b"/jail",
        SEC_PATH2: b"../y",
        SEC_DIR: b"/w",
        SEC_HOSTDIR2: b"/jail/w",
    }
    seen = event("renameat2", sections, ret=0)

    assert ["/x", "/jail/x"] == values(seen, "fs.path.source")
    assert ["<UNKNOWN>../y", "/jail/y"] == values(seen, "fs.path.target")


@pytest.mark.parametrize(
    ("sections", "names"),
    [
        ({SEC_PATH: b"/etc/x", SEC_REALPATH: b"/etc/x"}, ["/etc/x"]),
        ({SEC_PATH: b"x", SEC_DIR: b"/etc", SEC_REALPATH: b"/etc/x"}, ["/etc/x"]),
        ({SEC_PATH: b"l/x", SEC_DIR: b"/tmp", SEC_REALPATH: b"/etc/x"}, ["/etc/x", "/tmp/l/x"]),
        ({SEC_PATH: b"/b/x", SEC_REALPATH: b"/b/x", SEC_REALHOST: b"/etc/x"}, ["/b/x", "/etc/x"]),
        ({SEC_PATH: b"/l", SEC_REALPATH: b"/b/x", SEC_REALHOST: b"/etc/x"}, ["/b/x", "/l", "/etc/x"]),
        ({SEC_PATH: b"/l", SEC_HOSTDIR: b"/jail", SEC_REALPATH: b"/x"}, ["/x", "/l", "/x"]),
        ({SEC_REALPATH: b"/etc/x"}, ["/etc/x"]),
    ],
)
def test_what_a_path_led_to(sections, names):
    """Where the kernel told what a path led to, that is the first of its names, in fields and in Falco's parameter."""
    seen = event("mkdir", sections, ret=0)

    assert names == values(seen, "fs.path.name")
    if SEC_PATH in sections:
        assert names == [shown(view, find(view.row, "path")) for view in (seen, *seen.alternatives)]


def test_what_two_paths_led_to():
    """The names of two paths change together, and what was passed is shown before what it led to."""
    sections = {SEC_PATH: b"/l/a", SEC_REALPATH: b"/etc/a", SEC_PATH2: b"/tmp/b", SEC_REALPATH2: b"/tmp/b"}
    seen = event("rename", sections, ret=0)

    assert ["/etc/a", "/l/a"] == values(seen, "fs.path.source")
    assert ["/tmp/b", "/tmp/b"] == values(seen, "fs.path.target")
    assert ["/l/a", "/l/a"] == values(seen, "fs.path.sourceraw")
    assert "res=0 oldpath=/l/a(/etc/a) newpath=/tmp/b" == render_all(seen)


def test_a_path_of_many_spellings():
    """A path that is written with needless slashes is seen as it was written, too, as Falco shows it."""
    seen = event("unlink", {SEC_PATH: b"/etc//x", SEC_REALPATH: b"/etc/x"}, ret=0)

    assert ["/etc/x", "/etc//x"] == [shown(view, find(view.row, "path")) for view in (seen, *seen.alternatives)]


def test_a_root_directory():
    """A new root directory has its name from before the call, and the one that was passed."""
    assert ["/srv", "/l"] == [
        shown(view, find(view.row, "path"))
        for seen in [event("chroot", {SEC_PATH: b"/l", SEC_REALPATH: b"/srv"}, ret=0)]
        for view in (seen, *seen.alternatives)
    ]


def test_the_type_of_a_mount_is_no_path():
    """Only where it is mounted is a path of a mount."""
    sections = {SEC_STR: b"none", SEC_PATH: b"/l", SEC_PATH2: b"tmpfs", SEC_REALPATH: b"/mnt"}
    seen = event("mount", sections, ret=0)

    assert ["/mnt", "/l"] == values(seen, "fs.path.target")
    assert ["tmpfs", "tmpfs"] == [shown(view, find(view.row, "type")) for view in (seen, *seen.alternatives)]


def test_no_way_out_of_the_root():
    """Dots that lead out of the root directory of the process do not lead out of what the host calls it."""
    seen = event("unlink", {SEC_PATH: b"/../../x", SEC_HOSTDIR: b"/jail/"}, ret=0)

    assert ["/x", "/jail/x"] == values(seen, "fs.path.name")


def test_falcos_reading():
    """Where it is set so, a file has the name that was requested, and no other."""
    seen = event("openat", opened(b"/l", b"/b/shadow", b"/etc/shadow"), names="requested")

    assert "/l" == GET["fd.name"](seen, None)
    assert not hasattr(seen, "alternatives")


def test_wrong_setting():
    """The setting has two values."""
    with pytest.raises(ConfigError, match=r"falcohost\.names: expected all or requested, not 'real'"):
        parse({"falcohost": {"names": "real"}})
