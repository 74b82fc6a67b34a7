"""The lookup in the source's process: has rows, and asks for those that it does not have."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from falcohost.clock import SYSTEM, Clock
from falcohost.helpers import HELPERS, Helper, HelperEnded
from falcohost.lookups import GIVEN_UP, PENDING, Key
from falcohost.port import Port, PortClosed, SocketPort
from falcohost_containers.rows import Answer, Question, Row

#: The name of the helper, and of the lookup.
NAME: Final = "containers"

#: Most containers whose rows are kept.
MOST: Final = 4096

#: Seconds after which a row is asked for again; after which a container is that nobody knew.
OLD: Final = 300.0
NOT_KNOWN: Final = 5.0

#: Runtimes that name a cgroup after the container, and are not asked.
NAMED: Final = frozenset({"lxc", "libvirt_lxc", "systemd-nspawn", "bpm"})

#: Runtimes whose containers have no other name than their id.
NAMED_BY_ID: Final = frozenset({"runc"})


class Containers:
    """Finds rows by a container's id and type, the helper that asks runtimes being at the other end of *port*."""

    def __init__(self, port: Port[Question, Answer] | None, clock: Clock = SYSTEM) -> None:
        self._port = port
        self._clock = clock
        self._rows: OrderedDict[Key, tuple[float, Any]] = OrderedDict()
        self._asked: set[Key] = set()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Containers:
        """Ask the helper in *settings*; without one, there are only rows that are told by the cgroup."""
        helper: Helper | None = settings[HELPERS].get(NAME)
        return cls(None if helper is None else SocketPort(helper.link, Answer))

    def find(self, key: Key) -> Any:
        """Return the row of the container with this id and type; one that is not known is asked for."""
        known = self._rows.get(key)
        if known is None:
            return self._first(key)
        self._rows.move_to_end(key)
        if known[0] < self._clock.monotonic():
            self._ask(key)
        return known[1]

    def _first(self, key: Key) -> Any:
        if key[1] in NAMED:
            return Row(name=str(key[0]))
        if self._port is None:
            return None
        self._ask(key)
        return PENDING

    def _ask(self, key: Key) -> None:
        assert self._port is not None
        try:
            if key not in self._asked and self._port.ask(Question(str(key[0])[:256], str(key[1])[:256])):
                self._asked.add(key)
        except PortClosed as error:
            raise HelperEnded from error

    def __len__(self) -> int:
        """Return how many containers are known."""
        return sum(row is not GIVEN_UP for _, row in self._rows.values())

    def poll(self) -> bool:
        """Take the rows that have come."""
        if self._port is None:
            return False
        try:
            answers = [*self._port.answers()]
        except PortClosed as error:
            raise HelperEnded from error
        for answer in answers:
            self._take(answer)
        return bool(answers)

    def _take(self, answer: Answer) -> None:
        key, now = (answer.id, answer.type), self._clock.monotonic()
        if key not in self._asked:
            return  # nobody has asked that
        self._asked.discard(key)
        known = self._rows.get(key, (0.0, GIVEN_UP))[1]
        if answer.row is None and known is GIVEN_UP and answer.type in NAMED_BY_ID:
            known = Row(name=answer.id, partial=True)
        found = known if answer.row is None else answer.row
        lasts = NOT_KNOWN if answer.row is None or answer.row.partial else OLD
        self._rows[key] = now + lasts, found
        self._rows.move_to_end(key)
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)

    def fileno(self) -> int | None:
        """Return the descriptor of the socket to the helper."""
        return None if self._port is None else self._port.fileno()

    def close(self) -> None:
        """Close the socket: the helper ends."""
        if self._port is not None:
            self._port.close()
