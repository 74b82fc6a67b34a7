"""Users and groups of containers, from the files in their own roots, which are read again when they change.

Whoever runs a container decides what is in these files. So root keeps its name, nobody
else gets it, and texts are cut.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from falcohost_syscall.processes.boot_clock import ticks
from falcohost_syscall.processes.procfs import READING
from falcohost_syscall.processes.users import HOME, NAME, SHELL, UNKNOWN, parse

if TYPE_CHECKING:
    from falcohost_syscall.processes.table import Process

#: Most containers whose accounts are kept.
LIMIT: Final = 1024
#: Seconds between two looks at the files of a container, and after one at which nothing could be read.
INTERVAL: Final = 1.0
SOON: Final = 0.05
#: Most characters of a text (Falco's limit for names is 255).
LONGEST: Final = 255
#: Most ancestors of a process that are asked for their root, if it has ended.
ANCESTORS: Final = 8

_ROOT: Final = 0


class Names:
    """The accounts of one container (:class:`~falcohost_syscall.events.event.UserNames`).

    :param started: returns the start of a process in the unit of ``/proc``; None: it has ended.
    """

    def __init__(self, started: Callable[[Process], int | None]) -> None:
        self.due = 0.0
        self._started = started
        self._state = b""
        self._users: dict[int, list[str]] = {}
        self._groups: dict[int, list[str]] = {}

    def name(self, uid: int) -> str:
        """Return the name of a user, or ``<NA>``; that of root is always ``root``, and nobody else's is."""
        return _named(self._users, uid)

    def home(self, uid: int) -> str:
        """Return a user's home directory, or ``<NA>``."""
        found = _column(self._users, uid, HOME)
        return "/root" if uid == _ROOT and found == UNKNOWN else found

    def shell(self, uid: int) -> str:
        """Return a user's login shell, or ``<NA>``."""
        return _column(self._users, uid, SHELL)

    def group(self, gid: int) -> str:
        """Return the name of a group, or ``<NA>``; that of root's is always ``root``, and no other's is."""
        return _named(self._groups, gid)

    def look(self, process: Process, now: float) -> None:
        """Read the files, if they have changed, through the root of *process* or of an ancestor in the container."""
        for one in _with_ancestors(process):
            start = self._started(one)
            found = None if start is None else READING.reader.accounts(one.pid, start, self._state)
            if found:
                self._take(found)
                self.due = now + INTERVAL
                return
        self.due = now + SOON

    def _take(self, found: list[bytes | None]) -> None:
        if len(found) == 3 and found[0] is not None:
            self._state = found[0]
            self._users, self._groups = map(_parsed, found[1:])


class ContainerAccounts:
    """The accounts of containers by their ids.

    :param started: returns the start of a process in the unit of ``/proc``, or None if it has ended, for tables whose
        times of starts are not the kernel's.
    :ivar dropped: number of containers whose accounts had to make room for those of others.
    """

    def __init__(self, started: Callable[[Process], int | None] = lambda process: ticks(process.start)) -> None:
        self._started = started
        self.dropped = 0
        self._names: OrderedDict[str, Names] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of containers whose accounts are kept."""
        return len(self._names)

    def of(self, container: str, process: Process) -> Names:
        """Return the accounts of the container with this id, in which *process* is."""
        names = self._names.get(container)
        if names is None:
            names = self._names[container] = Names(self._started)
            if len(self._names) > LIMIT:
                self._names.popitem(last=False)
                self.dropped += 1
        else:
            self._names.move_to_end(container)
        now = time.monotonic()
        if now >= names.due:
            names.look(process, now)
        return names


def _with_ancestors(process: Process) -> Iterator[Process]:
    """Yield *process* and those of its ancestors that are in the same cgroup."""
    one: Process | None = process
    for _ in range(ANCESTORS):
        if one is None or one.cgroup != process.cgroup:
            return
        yield one
        one = one.parent


def _parsed(content: bytes | None) -> dict[int, list[str]]:
    return {} if content is None else parse(content.decode(errors="backslashreplace"))


def _named(rows: dict[int, list[str]], number: int) -> str:
    found = _column(rows, number, NAME)
    return "root" if number == _ROOT else UNKNOWN if found == "root" else found


def _column(rows: dict[int, list[str]], number: int, place: int) -> str:
    row = rows.get(number)
    return row[place][:LONGEST] if row and len(row) > place and row[place] else UNKNOWN
