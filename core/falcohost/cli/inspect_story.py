"""Tells what one process did, in the order of time. What is repeated at once is one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import click

from falcohost.cli.inspect_events import Inspection
from falcohost.cli.jsonline import json_line
from falcohost.engine.render import text_of
from falcohost.engine.texts import printable

#: What a line is made of; --json shows these fields.
FIELDS: Final = (
    "evt.rawtime", "thread.tid", "evt.type", "evt.res", "evt.failed", "evt.rawres", "evt.buflen", "fd.name",
    "fs.path.name", "proc.cmdline", "evt.args", "proc.pid", "proc.ppid", "proc.pname", "proc.cwd", "user.name",
    "container.id",
)  # fmt: skip
#: Further fields for the text: names that a call was passed, and the descriptor.
_PASSED: Final = ("evt.arg.name", "evt.arg.path")
_MORE: Final = (*_PASSED, "fd.num")
_EXECS: Final = frozenset(("execve", "execveat"))
_FORKS: Final = frozenset(("clone", "clone3", "fork", "vfork"))
#: Lines that say who it is.
HEADINGS: Final = 2
#: The longest text of parameters.
_LONGEST: Final = 120


@dataclass(slots=True)
class Line:
    """Events that are the same but for times and sizes.

    :ivar at: nanoseconds from the first event to the first of these.
    """

    at: int
    tid: int
    type: str
    what: str
    error: str
    times: int = 1
    size: int = 0
    values: dict[str, Any] = field(default_factory=dict)

    def is_like(self, other: Line) -> bool:
        """Return whether *other* is the same again."""
        return (self.tid, self.type, self.what, self.error) == (other.tid, other.type, other.what, other.error)


def as_json(inspection: Inspection) -> Iterator[str]:
    """Yield the events as lines of JSON."""
    output = inspection.of_fields(FIELDS)
    inspection.open(output)
    return (json_line(output.values(event)) for event in inspection.events())


def text(inspection: Inspection) -> Iterator[str]:
    """Yield the story: who it is, and its lines; once more where another process has been given the id."""
    inspection.open(inspection.of_fields((*FIELDS, *_MORE)))
    return _text(inspection)


def _text(inspection: Inspection) -> Iterator[str]:
    is_other = True
    for line in _folded(_lines(inspection)):
        if is_other:
            yield from _head(line.values)
        yield _told(line)
        is_other = line.type == "procexit" and line.tid == line.values["proc.pid"]


def _lines(inspection: Inspection) -> Iterator[Line]:
    names = (*FIELDS, *_MORE)
    getters = inspection.getters(names)
    start = None
    for event in inspection.events():
        values = {name: get(event) for name, get in zip(names, getters, strict=True)}
        start = values["evt.rawtime"] if start is None else start
        error = str(values["evt.res"]) if values["evt.failed"] else ""
        line = Line(values["evt.rawtime"] - start, values["thread.tid"], values["evt.type"], _what(values), error)
        line.size, line.values = values["evt.buflen"] or 0, values
        yield line


def _folded(lines: Iterator[Line]) -> Iterator[Line]:
    last: Line | None = None
    for line in lines:
        if last is not None and last.is_like(line):
            last.times += 1
            last.size += line.size
            continue
        if last is not None:
            yield last
        last = line
    if last is not None:
        yield last


def _what(values: dict[str, Any]) -> str:
    """Return what the event is about: a program, a child, a file or peer, or its parameters."""
    kind, result = values["evt.type"], values["evt.rawres"]
    if kind in _EXECS and not values["evt.failed"]:
        return printable(str(values["proc.cmdline"]))
    if kind in _FORKS and result is not None and result >= 0:
        return f"child {result}" if result else "begins"
    found = next((values[name] for name in ("fd.name", "fs.path.name", *_PASSED) if values[name]), None)
    if found is None and values["evt.buflen"] is not None:
        return f"fd {text_of(values['fd.num'])}"
    told = text_of(found or values["evt.args"] or "")
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def _head(values: dict[str, Any]) -> Iterator[str]:
    yield click.style(f"{values['proc.pid']} {printable(str(values['proc.cmdline']))}", bold=True)
    known = f"parent {text_of(values['proc.ppid'])} ({text_of(values['proc.pname'])})"
    parent = known if values["proc.ppid"] else "no parent"
    facts = {"user": "user.name", "container": "container.id", "directory": "proc.cwd"}
    told = [f"{word} {text_of(values[name])}" for word, name in facts.items() if values[name]]
    yield click.style(f"  {', '.join((parent, *told))}", dim=True)


def _told(line: Line) -> str:
    times = f" ×{line.times:,}" if line.times > 1 else ""
    thread = "" if line.tid == line.values["proc.pid"] else f"[{line.tid}] "
    size = click.style(f"  {line.size:,} bytes", dim=True) if line.size else ""
    error = click.style(f"  {line.error}", fg="red") if line.error else ""
    seconds, rest = divmod(line.at, 1_000_000_000)
    at = f"{seconds:+}.{rest // 1000:06}"
    return f"{at:>14}  {f'{line.type}{times}':<18}  {thread}{click.style(line.what, fg='cyan')}{size}{error}"
