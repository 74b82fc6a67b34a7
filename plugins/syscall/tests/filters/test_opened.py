"""Whatever a path opens is a file or a directory for rules, as in Falco; later events show its real type."""

from __future__ import annotations

import os

import pytest
from watching import events, run

from falcohost_syscall.fields.rows import FIELDS

GET = {field.name: field.get for field in FIELDS}
#: What rules for Falco call a file that is opened to be written, and one that is opened to be read.
WRITE = "evt.type in (open, openat, openat2) and evt.is_open_write = true and fd.typechar = 'f' and fd.num >= 0"
READ = "evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = 'f' and fd.num >= 0"

PIPE = "r, w = os.pipe(); os.dup2(w, 100); os.write(os.open('/proc/self/fd/100', os.O_WRONLY), b'x')"
NAMED = "os.mkfifo('{folder}/fifo'); os.open('{folder}/fifo', os.O_RDWR)"
MEMFD = "os.dup2(os.memfd_create('m'), 100); os.open('/proc/self/fd/100', os.O_RDWR)"
DEVICE = "os.open('/dev/null', os.O_WRONLY)"
SOCKET = "s = socket.socket(socket.AF_UNIX); s.bind('{folder}/socket'); os.open('{folder}/socket', os.O_PATH)"
DIRECTORY = "os.open('{folder}', os.O_RDONLY)"


def opened(source, script, folder):
    """Return the type, its character, and the parts of the name of what passes the filters, under each of its names."""
    pid = run(script.format(folder=folder))
    views = [
        view
        for event in events(source, pid)
        if event.pid == pid and event.type == "openat"
        for view in (event, *event.alternatives)
    ]
    names = ("fd.type", "fd.typechar", "fd.name", "fd.directory", "fd.filename")
    return [tuple(GET[name](view, None) for name in names) for view in views]


@pytest.mark.parametrize(
    ("script", "condition", "name"),
    [
        (PIPE, f"{WRITE} and fd.name = /proc/self/fd/100", "/proc/self/fd/100"),
        (PIPE, f"{WRITE} and fd.directory = /proc/self/fd and fd.filename = 100", "/proc/self/fd/100"),
        (NAMED, f"{WRITE} and fd.name = %s/fifo", "%s/fifo"),
        (NAMED, f"{WRITE} and fd.filename = fifo", "%s/fifo"),
        (MEMFD, f"{WRITE} and fd.name startswith /proc/self/fd", "/proc/self/fd/100"),
        (DEVICE, f"{WRITE} and fd.name = /dev/null", "/dev/null"),
        (SOCKET, f"{READ} and fd.name = %s/socket", "%s/socket"),
    ],
)
def test_what_is_opened_is_a_file(watch, tmp_path, script, condition, name):
    """A pipe, a device, a memfd or the file of a socket is a file in the event that opens it."""
    name = name.replace("%s", str(tmp_path))
    found = opened(watch(condition.replace("%s", str(tmp_path))), script, tmp_path)

    assert ("file", "f", name, *os.path.split(name)) in found


@pytest.mark.parametrize("script", [PIPE, NAMED, MEMFD, DEVICE, SOCKET])
def test_nothing_else_passes(watch, tmp_path, script):
    """Filters leave out what is opened by a rule about other types."""
    source = watch("evt.type = openat and fd.typechar in (p, m, u, o)")

    assert [] == opened(source, script, tmp_path)


def test_directory(watch, tmp_path):
    """A directory is one, however it is opened."""
    source = watch(f"evt.type = openat and fd.typechar = d and fd.name = {tmp_path}")

    assert [("directory", "d", str(tmp_path), str(tmp_path), None)] == opened(source, DIRECTORY, tmp_path)


def test_events_of_a_pipe(watch):
    """A write to a pipe that was opened by a path shows the pipe."""
    source = watch("evt.type = write and fd.typechar = p")
    pid = run(PIPE)
    found = [GET["fd.type"](event, None) for event in events(source, pid) if event.pid == pid and event.type == "write"]

    assert ["pipe"] == found
