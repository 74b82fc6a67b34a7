"""What tests of filters under the real probe share: one rule's plan, a program that does things, what is seen of it."""

from __future__ import annotations

import subprocess
import sys
import time

import random_events

from falcohost.engine import ir
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME

#: Opens two files, one of them often.
OPENS = """
for path in ("/etc/passwd", "/etc/hostname", "/etc/passwd"): os.close(os.open(path, os.O_RDONLY))
os.close(os.open("/etc/passwd", os.O_RDWR))
"""


def plan(text: str, *fields: str) -> Plan:
    """Return the plan of one rule with this condition, whose output has these *fields*."""
    expr = check(parse(text), random_events.CATALOG).expr
    read = {ref.field.name for ref in ir.fields(expr)}
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), frozenset({*read, *fields}), condition=expr)


def run(script: str) -> int:
    """Run Python code in a process of its own; return its pid."""
    process = subprocess.Popen([sys.executable, "-ISc", f"import os, socket\n{script}"])
    assert process.wait() == 0
    return process.pid


def seen(source, pid: int, seconds: float = 0.3) -> list[str]:
    """Return the types and paths of the events of a process."""
    found = []
    end = time.monotonic() + seconds
    for batch in source.batches():
        found += [f"{e.type} {e.fdpath or e.path}" for e in batch.events if e.proc.pid == pid]
        if time.monotonic() > end:
            return found
    return found
