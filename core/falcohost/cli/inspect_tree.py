"""Shows the processes that events are of, each below its parent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import click

from falcohost.cli.inspect_events import Inspection
from falcohost.cli.jsonline import json_line
from falcohost.engine.render import MISSING
from falcohost.engine.texts import printable
from falcohost.events import Event

_OWN: Final = ("proc.pid", "proc.cmdline", "user.name", "evt.type", "thread.tid")
#: So many ancestors are looked up.
_ABOVE: Final = 16
_ANCESTORS: Final = tuple(f"{name}[{n}]" for n in range(1, _ABOVE + 1) for name in ("proc.apid", "proc.acmdline"))
#: Most processes that are kept, and most command lines of one.
MOST: Final = 100_000
_LINES: Final = 8
#: So many processes may be one below the other.
_DEEPEST: Final = 200
#: The longest command line that is shown.
_LONGEST: Final = 100

_Get: TypeAlias = Callable[[Any], Any]


@dataclass(slots=True, eq=False)
class Process:
    """A process.

    :ivar pid: its id; -1 stands for all whose threads the capture does not describe.
    :ivar lines: its command lines, one for each program that it has executed.
    :ivar events: number of its own events.
    :ivar is_root: it is below no other, whatever else is said.
    """

    pid: int
    lines: list[str]
    user: str | None = None
    events: int = 0
    parent: Process | None = None
    is_root: bool = False
    children: list[Process] = field(default_factory=list)

    def runs(self, line: str | None) -> None:
        """Note the command line that it has now."""
        if line and line != MISSING and self.lines[-1:] != [line] and len(self.lines) < _LINES:
            self.lines.append(line)

    def below(self, parent: Process) -> None:
        """Make it a child of *parent*, unless that would be a circle or too deep, as a damaged capture may have it."""
        above: Process | None = parent
        for _ in range(_DEEPEST):
            if above is None:
                self.parent = parent
                parent.children.append(self)
                return
            if above is self:
                break
            above = above.parent
        self.is_root = True


class Tree:
    """The processes of a capture.

    :ivar left_out: number of events of processes that were not kept.
    """

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._pid, self._line, self._user, self._type, self._tid = inspection.getters(_OWN)
        above = inspection.getters(_ANCESTORS)
        self._above = list(zip(above[::2], above[1::2], strict=True))
        self._alive: dict[int, Process] = {}
        self._all: list[Process] = []
        self.left_out = 0

    def read(self) -> None:
        """Read the capture."""
        self._inspection.open(self._inspection.of_fields((*_OWN, *_ANCESTORS)))
        for event in self._inspection.events():
            process = self._of(event)
            if process is None:
                self.left_out += 1
                continue
            process.events += 1
            process.runs(self._line(event))

    def _of(self, event: Event) -> Process | None:
        found = self._pid(event)
        pid = -1 if found is None else int(found)
        process = self._alive.get(pid)
        if process is None and len(self._all) < MOST:
            process = self._new(pid)
        if process is not None and process.parent is None and not process.is_root and pid >= 0:
            self._find_parent(process, event)
        if process is not None and not process.events:
            process.user = self._user(event)
        if self._type(event) == "procexit" and self._tid(event) == pid:
            self._alive.pop(pid, None)  # the next one with this id is another
        return process

    def _find_parent(self, process: Process, event: Event) -> None:
        below = process
        for get_pid, get_line in self._above:
            pid = get_pid(event)
            if pid is None or pid < 0:
                return
            known = self._alive.get(pid)
            if known is None and len(self._all) >= MOST:
                return
            above = self._new(pid) if known is None else known
            if not above.events:
                above.runs(get_line(event))
            below.below(above)
            if above.parent is not None:
                return
            below = above

    def _new(self, pid: int) -> Process:
        process = Process(pid, [])
        self._alive[pid] = process
        self._all.append(process)
        return process

    def lines(self) -> Iterator[tuple[Process, str]]:
        """Yield each process with what is drawn before it, parents before their children."""
        waiting = [(root, "", "") for root in reversed(self._all) if root.parent is None]
        while waiting:
            process, before, rest = waiting.pop()
            yield process, before
            last = len(process.children) - 1
            waiting += [
                (child, f"{rest}{'└─ ' if place == last else '├─ '}", f"{rest}{'   ' if place == last else '│  '}")
                for place, child in reversed(list(enumerate(process.children)))
            ]


def text(tree: Tree) -> Iterator[str]:
    """Yield the tree: number of events, process id, command lines (of later programs behind an arrow), user."""
    found = list(tree.lines())
    if not found:
        return
    wide = max(len(str(process.pid)) for process, _ in found)
    yield click.style(f"{'events':>9}  {'pid':>{wide}}  process", bold=True)
    for process, before in found:
        shown = " → ".join(map(_short, process.lines)) or MISSING
        known = process.user not in (None, "", MISSING)
        user = click.style(f"  ({printable(str(process.user))})", dim=True) if known else ""
        events = f"{process.events:>9,}" if process.events else f"{'':>9}"
        line = click.style(shown, fg="cyan") if process.events else click.style(shown, dim=True)
        yield f"{events}  {process.pid:>{wide}}  {before}{line}{user}"
    if tree.left_out:
        yield click.style(f"{tree.left_out:>9,}  events of further processes", dim=True)


def _short(line: str) -> str:
    told = printable(line)
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def as_json(tree: Tree) -> Iterator[str]:
    """Yield the processes as lines of JSON, parents before their children."""
    for process, _ in tree.lines():
        parent = process.parent
        yield json_line({
            "pid": process.pid,
            "ppid": None if parent is None else parent.pid,
            "cmdlines": process.lines,
            "user": process.user,
            "events": process.events,
        })  # fmt: skip
