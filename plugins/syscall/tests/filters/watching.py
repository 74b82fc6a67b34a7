"""Runs a program under a rule's filter in the real probe and returns its events, for tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import random_events

from falcohost.engine import ir
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME, EXIT
from falcohost_syscall.events.event import SyscallEvent

#: Opens two files, one of them often.
OPENS = """
for path in ("/etc/passwd", "/etc/hostname", "/etc/passwd"): os.close(os.open(path, os.O_RDONLY))
os.close(os.open("/etc/passwd", os.O_RDWR))
"""


def plan(text: str, *fields: str, ends: bool = True) -> Plan:
    """Return the plan of a rule with this condition, whose output has these *fields*; *ends*: as ``seen`` needs it."""
    if ends:
        text = f"evt.type = {EXIT} or ({text})"
    expr = check(parse(text), random_events.CATALOG).expr
    read = {ref.field.name for ref in ir.fields(expr)}
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), frozenset({*read, *fields}), condition=expr)


def run(script: str) -> int:
    """Run Python code in a process of its own; return its pid."""
    process = subprocess.Popen([sys.executable, "-ISc", f"import os, socket\n{script}"])
    assert process.wait() == 0
    return process.pid


def events(source, pid: int) -> Iterator[SyscallEvent]:
    """Yield all events until a process, which has ended, is told to have ended."""
    ended = False
    for batch in source.batches():
        for event in batch.events:
            ended = ended or (event.type == EXIT and event.proc.pid == pid)
            yield event
        if ended:
            return
    raise AssertionError("the source has ended")


def seen(source, pid: int) -> list[str]:
    """Return the types and paths of the events of a process that has ended, without its end."""
    mine = (event for event in events(source, pid) if event.proc.pid == pid and event.type != EXIT)
    return [f"{event.type} {event.fdpath or event.path}" for event in mine]
