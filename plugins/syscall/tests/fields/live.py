"""Runs programs under the source in this process, for tests that compare its fields with what the programs say."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from falcohost import UnknownValueError
from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.source import SyscallSource

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
GET: dict[str, Any] = {field.name: field.get for field in FIELDS}
#: Others have nothing to do with these.
MARK = f"falcohost-live-{os.getpid()}"
#: Says that nothing of what came before is still to be read.
END = f"/tmp/live-fields-end-{os.getpid()}"

#: What the program begins with: system calls by their numbers, and memory to pass by address.
PRELUDE = """
import ctypes, fcntl, json, os, select, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *args):
    return libc.syscall(number, *(ctypes.c_long(a) if isinstance(a, int) else a for a in args))
def memory(form, *values):
    return ctypes.create_string_buffer(struct.pack(form, *values))
def tell(**truth):
    print(json.dumps(truth), flush=True)
"""


def opened(sources: Any, condition: str, *fields: str) -> tuple[SyscallSource, Any]:
    """Return the source for one rule about processes with the mark, whose output has *fields*; and what matches."""
    expr = check(parse(f"proc.args contains {MARK} and {condition}"), CATALOG).expr
    last = check(parse(f"evt.type = openat and fd.name = {END}"), CATALOG).expr
    both = ir.Or((expr, last))
    asked = frozenset({*(ref.field.name for ref in ir.fields(both)), *fields})
    plan = Plan("syscall", event_types(both, frozenset(BY_NAME)), asked, condition=both)
    return sources.open(plan), compile_condition(expr)


def events(source: SyscallSource, matches: Any) -> Iterator[Any]:
    """Yield the events so far that match, each at its moment."""
    subprocess.run(["sh", "-c", ': < "$0"', END], check=True)
    for batch in source.batches():
        for event in batch.events:
            if event.fdpath == END:
                return
            with contextlib.suppress(UnknownValueError):  # others on this machine have longer arguments
                if matches(event):
                    yield event


def run(script: str, **options: Any) -> list[dict[str, Any]]:
    """Run a script with the mark among its arguments; return what it told."""
    command = [sys.executable, "-IS", "-c", f"{PRELUDE}\n{script}", MARK]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options)
    return [json.loads(line) for line in done.stdout.splitlines()]
