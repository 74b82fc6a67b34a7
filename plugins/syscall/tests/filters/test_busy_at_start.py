"""Processes that run before the probe is there and do something while it is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
from watching import events

#: Opens one file all the time; at the end has children, who run no other program and end at once, open another.
BUSY = """
import os, select, sys
print(flush=True)
watched = select.poll()
watched.register(0)
while not watched.poll(0):
    os.close(os.open("/etc/hostname", os.O_RDONLY))
for _ in range(20):
    if (child := os.fork()) == 0:
        os.open("/etc/passwd", os.O_RDONLY)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("attempt", range(3))
def test_children_have_its_arguments(watch, attempt):
    """An event while the running processes are listed does not hide what a process runs, from its children neither."""
    mark = f"busy-{attempt}"
    with subprocess.Popen([sys.executable, "-ISc", BUSY, mark], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as busy:
        busy.stdout.readline()
        rule = "evt.type in (open, openat) and fd.name in (/etc/hostname, /etc/passwd)"
        source = watch(rule, "proc.cmdline", anew=True)
        busy.communicate(b"\n")
    children = [event.proc for event in events(source, busy.pid) if event.path == "/etc/passwd"]
    found = [child.argv()[-1:] for child in children if child.ppid == busy.pid]

    assert [(mark,)] * 20 == found
