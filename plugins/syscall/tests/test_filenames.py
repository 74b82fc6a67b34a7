"""The names of a file, each in a view of the event, and the fields that follow the view."""

from __future__ import annotations

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost.errors import ConfigError
from falcohost_syscall.calls import BY_NAME
from falcohost_syscall.config import parse
from falcohost_syscall.fields import FIELDS
from falcohost_syscall.records import (
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
)
from falcohost_syscall.source import SyscallSource

BASH = Task(5_000_001, start=5_000_001)
GET = {field.name: field.get for field in FIELDS}


def event(name, sections, ret=3, **settings):
    """Return the event of one record."""
    source = SyscallSource({"falcohost": settings})
    source._types = frozenset({name})
    flags = FLAG_OTHER_NAME * (not {SEC_HOSTPATH, SEC_HOSTDIR, SEC_HOSTDIR2}.isdisjoint(sections))
    data = handmade.record(KIND_CALL, BASH, sections, call=BY_NAME[name].call, ret=ret, flags=flags)
    return next(iter(source._events([data])))


def opened(path, real, host=None, directory=None):
    """Return the sections of an open that went well."""
    found = {SEC_PATH: path, SEC_FD: handmade.fdinfo(3), SEC_FDPATH: real}
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
    """What is read from a descriptor has the real name and the host's."""
    sections = {SEC_FD: handmade.fdinfo(3), SEC_FDPATH: b"/b/shadow", SEC_HOSTPATH: b"/etc/shadow"}

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
