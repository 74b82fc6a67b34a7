"""The lookup in the source's process: keeps rows, and asks the process that has the tables for others."""

from __future__ import annotations

import select
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, Final, TypeAlias

from falcohost.clock import SYSTEM, Clock
from falcohost.helpers import HelperPort, port_in
from falcohost.lookups import GIVEN_UP, PENDING, Key, Lookup
from falcohost.port import Port
from falcohost.text import text_bytes
from falcohost_tables.config import Table, parse
from falcohost_tables.rows import MOST_KEY, Answer, Question, Row, State
from falcohost_tables.tables import Tables
from falcohost_tables.troubles import Troubles

#: The name of the helper, and of the lookup.
NAME: Final = "tables"

#: Most rows that are kept.
MOST: Final = 16_384

#: Most seconds for which a source waits, before it is opened, until every table was read, fetched, or has failed.
FIRST: Final = 5.0

#: Seconds between two looks at files, where this process has the tables.
LOOK: Final = 1.0

#: A table's name, and a key in it.
_Place: TypeAlias = tuple[str, bytes]


def make(settings: Mapping[str, Any]) -> Lookup:
    """Return the lookup: over the helper in *settings*, or, where there is none, with the tables in this process."""
    tables = parse(settings["tables"])
    port = port_in(settings, NAME, Answer)
    if port is None:
        return Own(tables)
    asking = Asking(port)
    asking.wait(len(tables), FIRST)
    return asking


def key_text(value: Hashable) -> bytes:
    """Return the text of a field's value, by which tables are searched."""
    if isinstance(value, bytes):
        return value
    return text_bytes(("true" if value else "false") if isinstance(value, bool) else str(value))


class Asking:
    """Asks over *port*; rows stay known until their table changes."""

    def __init__(self, port: Port[Question, Answer], clock: Clock = SYSTEM) -> None:
        self._port: HelperPort[Question, Answer] = HelperPort(port)
        self._rows: OrderedDict[_Place, Any] = OrderedDict()
        self._asked: set[_Place] = set()
        self._watched = -1
        self._watches = False
        self._states: Mapping[str, State] = {}
        self._troubles = Troubles(clock)
        self.dropped = 0
        self._watch()

    def __len__(self) -> int:
        """Return how many rows are known."""
        return sum(row is not None and row is not GIVEN_UP for row in self._rows.values())

    def wait(self, tables: int, seconds: float) -> None:
        """Wait until it is known of so many *tables* what is in them or what is wrong, but no more than *seconds*.

        Otherwise the first events would find nothing while large tables are being read.
        """
        end = time.monotonic() + seconds
        with select.epoll() as waiting:
            waiting.register(self._port.fileno() or 0, select.EPOLLIN)
            while sum(bool(one.taken or one.problem) for one in self._states.values()) < tables:
                if not waiting.poll(max(0.0, end - time.monotonic())):
                    return
                self.poll()

    def find(self, key: Key) -> Any:
        """Return the row for the name of a field and a value; one that is not known is asked for."""
        place = str(key[0]).partition(".")[0], key_text(key[1])
        if place in self._rows:
            self._rows.move_to_end(place)
            return self._rows[place]
        if len(place[1]) > MOST_KEY:
            return None
        if place not in self._asked and self._port.ask(Question(*place)):
            self._asked.add(place)
        return PENDING

    def poll(self) -> bool:
        """Take the answers that have come."""
        answers = self._port.answers()
        for answer in answers:
            if answer.table:
                self._take(answer)
            else:
                self._take_states(answer)
        if not self._watches:
            self._watch()
        return bool(answers)

    def problem(self) -> tuple[str, int]:
        """Return which table cannot be used, and for how many seconds."""
        return self._troubles.problem()

    def fileno(self) -> int | None:
        """Return the descriptor of the socket to the helper."""
        return self._port.fileno()

    def close(self) -> None:
        """Close the socket: the helper ends."""
        self._port.close()

    def _take(self, answer: Answer) -> None:
        place = answer.table, answer.key
        if place not in self._asked:
            return  # nobody has asked that, or the table has changed since
        self._asked.discard(place)
        self._rows[place] = answer.row if answer.known else GIVEN_UP
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)
            self.dropped += 1

    def _take_states(self, answer: Answer) -> None:
        """Forget the rows of tables that have changed."""
        former, self._states = self._states, answer.states
        changed = {name for name, state in answer.states.items() if former.get(name, State(0, "")) != state}
        if changed:
            self._rows = OrderedDict((at, row) for at, row in self._rows.items() if at[0] not in changed)
            self._asked = {at for at in self._asked if at[0] not in changed}
        self._troubles.tell(answer.states)
        self._watched, self._watches = answer.number, False

    def _watch(self) -> None:
        """Have the helper say when tables have changed."""
        self._watches = self._port.ask(Question("", seen=self._watched))


class Own:
    """Has the tables in this process, for commands that read events without an agent; URLs are fetched once."""

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self._tables = Tables(tables)
        self._troubles = Troubles(SYSTEM)
        self._due = 0.0
        self._look()
        for loaded in self._tables.from_urls():
            from falcohost_tables.fetching import Fetcher

            Fetcher(loaded.table, loaded).fetch()
        self._troubles.tell(self._tables.states())

    def __len__(self) -> int:
        """Return how many rows there are."""
        return sum(map(len, self._tables.by_name.values()))

    def find(self, key: Key) -> Row | Any:
        """Return the row for the name of a field and a value."""
        loaded = self._tables.by_name[str(key[0]).partition(".")[0]]
        text = key_text(key[1])
        if len(text) > MOST_KEY:
            return None
        return loaded.find(text) if loaded.is_known else GIVEN_UP

    def poll(self) -> bool:
        """Read the files that have changed, once a second."""
        return time.monotonic() >= self._due and self._look()

    def close(self) -> None:
        """Nothing to do."""

    def _look(self) -> bool:
        before = self._tables.number
        self._due = time.monotonic() + LOOK
        self._tables.look()
        if self._tables.number == before:
            return False
        self._troubles.tell(self._tables.states())
        return True
