"""A store beside a simple model of it: whatever comes, and however the disk fails, both hold the same."""

import sqlite3
from contextlib import ExitStack

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.clock import ManualClock
from falcohost.testing.forks import quick_folder
from falcohost.testing.outputs import alert

IDS = st.lists(st.integers(0, 40).map(str), max_size=4)
NAMES = st.sampled_from(["x", "y"])
WRITING = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_TRANSACTION}


def alerts(ids):
    """Return alerts with these ids."""
    return [msgspec.structs.replace(alert(name), id=name) for name in ids]


class Model:
    """The content of a store: alerts by their ids, the cursor, the positions of subscribers."""

    def __init__(self):
        self.ids = ()
        self.cursor = None
        self.positions = {}

    def copy(self):
        """Return the same."""
        other = Model()
        other.ids, other.cursor, other.positions = self.ids, self.cursor, dict(self.positions)
        return other

    def take(self, ids):
        """Take alerts that are not there yet."""
        self.ids += tuple(one for one in dict.fromkeys(ids) if one not in self.ids)


class StoreMachine(RuleBasedStateMachine):
    """Does to a store and to its model what an agent does; what is written is what a next agent finds."""

    def __init__(self):
        super().__init__()
        self.stack = ExitStack()
        self.path = self.stack.enter_context(quick_folder()) / "state.db"
        self.clock = ManualClock()
        self.now, self.refusing = Model(), False

    @initialize()
    def begin(self):
        """Open the file, subscribed to by both."""
        self.store = Store(self.path, Limits(), clock=self.clock)
        for name in ("x", "y"):
            mark, state = self.store.subscribe(name)
            assert self.now.positions.setdefault(name, (len(self.now.ids), None)) == (mark, state)
        self.note()

    def note(self):
        """Take note of what the store says that it has written."""
        if not self.store.behind:
            self.written = self.now.copy()

    def teardown(self):
        """Remove the file."""
        self.store.close()
        self.stack.close()

    @rule(ids=IDS, more=IDS, cursor=st.none() | st.integers(0, 9).map(str))
    def append(self, ids, more, cursor):
        """Have a source send two batches in one turn."""
        stored = self.store.append(
            [Arrival("source", alerts(ids), None, True), Arrival("source", alerts(more), cursor, True)]
        )
        before = len(self.now.ids)
        self.now.take([*ids, *more])
        self.now.cursor = self.now.cursor if cursor is None else cursor
        self.note()
        assert list(self.now.ids[before:]) == [one.id for one in stored.alerts]
        assert stored.cursors in ({}, {"source": self.written.cursor})

    @rule(name=NAMES, ids=IDS, part=st.floats(0, 1), state=st.none() | st.binary(max_size=3))
    def answer(self, name, ids, part, state):
        """Have a subscriber answer to some of what it has not taken yet."""
        mark, before = self.now.positions[name]
        mark += int(part * (len(self.now.ids) - mark))
        own = [f"{name}{one}" for one in ids]
        self.store.answer(name, mark, alerts(own), state)
        self.now.take(own)
        self.now.positions[name] = (mark, before if state is None else state)
        self.note()

    @precondition(lambda self: not self.refusing)
    @rule()
    def fails(self):
        """Have the disk take nothing from now on."""
        self.refusing = True
        deny = lambda action, *_: sqlite3.SQLITE_DENY if action in WRITING else sqlite3.SQLITE_OK  # noqa: E731
        self.store._disk.change(lambda connection: connection.set_authorizer(deny))

    @precondition(lambda self: self.refusing)
    @rule()
    def works_again(self):
        """Have it take something again; what waited is written at the next turn after a second."""
        self.refusing = False
        self.store._disk.change(lambda connection: connection.set_authorizer(None))
        self.clock.advance(1)
        self.store.append([])
        assert not self.store.behind
        self.note()

    @rule()
    def dies(self):
        """Kill the agent; another one goes on with what is written."""
        self.store._disk.close()
        self.refusing = False
        self.now = self.written.copy()
        self.begin()

    @rule()
    def ends(self):
        """End the agent, which writes what waits if it can; another one goes on."""
        if not self.refusing:
            self.written = self.now.copy()
        self.store.close()
        self.refusing = False
        self.now = self.written.copy()
        self.begin()

    @invariant()
    def holds_the_same(self):
        """Whoever reads, from wherever, is given what the model holds, in order."""
        if hasattr(self, "store"):
            assert len(self.now.ids) == self.store.last
            for after in (0, len(self.now.ids) // 2, max(len(self.now.ids) - 1, 0)):
                assert self.now.ids[after:] == tuple(one.id for _, one in self.store.read(after, 1000))
            assert self.written.cursor == self.store.cursor("source")


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(stateful_step_count=30, max_examples=settings.default.max_examples // 4)
