"""The lookup in the source's process: has rows, and asks for those that it does not have."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from falcohost.clock import SYSTEM, Clock
from falcohost.helpers import HelperPort, port_in
from falcohost.lookups import GIVEN_UP, PENDING, Key
from falcohost.port import Port
from falcohost_containers.config import NAME, PAUSING
from falcohost_containers.rows import LONGEST_ID, USER, Answer, Paused, Question, Row

#: Seconds between two questions to it.
STATE: Final = 1.0

#: Most containers whose rows are kept.
MOST: Final = 4096

#: Seconds after which a row is asked for again; after which a container is that nobody knew.
OLD: Final = 300.0
NOT_KNOWN: Final = 5.0

#: The type of what is in no container. All alerts read fields of pods, also those about the host.
HOST: Final = "host"

#: Runtimes that name a cgroup after the container, and are not asked.
NAMED: Final = frozenset({"lxc", "libvirt_lxc", "systemd-nspawn", "bpm"})

#: Runtimes whose containers have an id that whoever starts them chooses.
CHOSEN: Final = ("containerd", "runc")

#: Runtimes whose containers have no other name than their id.
NAMED_BY_ID: Final = frozenset({"runc"})


class Containers:
    """Finds rows by a container's id and type and the one around it; *port* leads to the helper that asks runtimes."""

    def __init__(
        self, port: Port[Question, Answer] | None, clock: Clock = SYSTEM, pausing: Port[Question, Paused] | None = None
    ) -> None:
        self._port: HelperPort[Question, Answer] = HelperPort(port)
        self._pausing: HelperPort[Question, Paused] = HelperPort(pausing)
        self._paused = Paused()
        self._paused_due = 0.0
        self._paused_since = clock.monotonic()
        self._clock = clock
        self._rows: OrderedDict[Key, tuple[float, Any]] = OrderedDict()
        self.dropped = 0
        self._asked: set[Key] = set()
        self._watches = False
        self._watch()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Containers:
        """Ask the helper in *settings*; without one, there are only rows that are told by the cgroup."""
        return cls(port_in(settings, NAME, Answer), pausing=port_in(settings, PAUSING, Paused))

    def find(self, key: Key) -> Any:
        """Return the row of the container with this id and type; one that is not known is asked for."""
        if key[1] == HOST:
            return None
        known = self._rows.get(key)
        if known is None:
            return self._first(key)
        self._rows.move_to_end(key)
        if known[0] < self._clock.monotonic():
            self._ask(key)
        return known[1]

    def _first(self, key: Key) -> Any:
        if key[1] in NAMED and (not self._port or not _is_around(str(key[2]))):
            return Row(name=str(key[0]))
        if not self._port:
            return None
        self._ask(key)
        return PENDING

    def _ask(self, key: Key) -> None:
        if key not in self._asked and self._port.ask(Question(*(str(part)[:LONGEST_ID] for part in key))):
            self._asked.add(key)

    def __len__(self) -> int:
        """Return how many containers are known."""
        return sum(row is not GIVEN_UP for _, row in self._rows.values())

    def counts(self) -> Mapping[str, int]:
        """Return what the process that pauses has counted; nothing where there is none."""
        if not self._pausing:
            return {}
        told = self._paused
        return {
            "programs that are paused": told.files,
            "pauses": told.count,
            "pauses that ended before files had been read": told.given_up,
            "microseconds of all pauses": told.microseconds,
            "microseconds of the longest pause": told.longest,
        }

    def problem(self) -> tuple[str, int]:
        """Return why not all starts are paused that should be, and for how many seconds; empty: all are."""
        why = self._paused.problem
        return why, int(self._clock.monotonic() - self._paused_since) + 1 if why else 0

    def _poll_pauses(self) -> None:
        now = self._clock.monotonic()
        for told in self._pausing.answers():
            if not told.problem or not self._paused.problem:
                self._paused_since = now
            self._paused = told
        if now >= self._paused_due:
            self._paused_due = now + STATE
            self._pausing.ask(Question("", ""))

    def poll(self) -> bool:
        """Take the rows that have come."""
        self._poll_pauses()
        answers = self._port.answers()
        for answer in answers:
            if answer.type:
                self._take(answer)
            else:
                self._forget(answer.id)
        if not self._watches:
            self._watch()
        return bool(answers)

    def _watch(self) -> None:
        """Have the helper say when a container is made with a name that another may have had."""
        self._watches = self._port.ask(Question("", ""))

    def _forget(self, container: str) -> None:
        """Forget what is known of containers of this name; of all with chosen names, if it is empty."""
        self._watches = False
        for kind in CHOSEN:
            gone = [(container, kind, "")] if container else [key for key in self._rows if key[1] == kind]
            for key in gone:
                self._rows.pop(key, None)
                self._asked.discard(key)

    def _take(self, answer: Answer) -> None:
        key, now = (answer.id, answer.type, answer.outer), self._clock.monotonic()
        if key not in self._asked:
            return  # nobody has asked that
        self._asked.discard(key)
        known = self._rows.get(key, (0.0, GIVEN_UP))[1]
        if answer.row is None and known is GIVEN_UP and answer.type in NAMED_BY_ID | NAMED:
            known = Row(name=answer.id, partial=True)
        found = known if answer.row is None else answer.row
        lasts = NOT_KNOWN if answer.row is None or answer.row.partial else OLD
        self._rows[key] = now + lasts, found
        self._rows.move_to_end(key)
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)
            self.dropped += 1

    def fileno(self) -> int | None:
        """Return the descriptor of the socket to the helper."""
        return self._port.fileno()

    def close(self) -> None:
        """Close the sockets: the helpers end."""
        self._port.close()
        self._pausing.close()


def _is_around(outer: str) -> bool:
    """Return whether *outer* is a container of which a runtime may know more than the name of its cgroup.

    Whoever is root in it can name cgroups there like a container of any runtime, and would be rid of its image so.
    """
    return bool(outer) and outer.partition("/")[0] not in NAMED | {USER}
