"""Watches what a program does to files, with filters or without, and tells under which names its events match."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import random_events

from falcohost.engine.code.module import compile_condition
from falcohost.engine.ir import Expr
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import EXIT
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import PID
from falcohost_syscall.fields.rows import FIELDS

GET = {field.name: field.get for field in FIELDS}


class NameWatcher:
    """A source that wants events of a type that match a condition; see ``Sources`` for *anew*."""

    def __init__(
        self, sources: Any, event_type: str, condition: str, *, anew: bool = False, **settings: object
    ) -> None:
        condition = f"evt.type = {event_type} and {condition}"
        self._matches = compile_condition(_expression(condition))
        wanted = _expression(f"evt.type = {EXIT} or ({condition})")
        plan = Plan("syscall", frozenset({event_type, EXIT}), condition=wanted)
        self._batches = sources.open(plan, {"falcohost": settings}, anew=anew).batches()
        next(self._batches)

    def names(self, script: str, path: Path, *fields: str) -> list[tuple[str, ...]]:
        """Run a Python script with *path*; return these fields of each view of an event of it that matches."""
        process = subprocess.Popen([sys.executable, "-c", script, str(path)])
        found = []
        for batch in self._batches:
            for event in batch.events:
                if event.h[PID] != process.pid:
                    continue
                if event.type == EXIT:
                    assert process.wait() == 0
                    return found
                for view in filter(self._matches, (event, *(event.alternatives if batch.views else ()))):
                    found.append(tuple(GET[field](view, None) for field in fields))
        raise AssertionError


def _expression(text: str) -> Expr:
    return check(parse(text), random_events.CATALOG).expr
