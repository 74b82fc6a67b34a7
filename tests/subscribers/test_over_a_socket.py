"""Tests a runner on the other side of a socket: its use of the store works the same through messages.

The store's side of a subscriber (:class:`falcohost.subscribers.taker.Alerts`) is asked in the process, and by typed
questions over a socket pair, as a subscriber in a process of its own will.
"""

import select
import socket
import threading
from contextlib import ExitStack

import msgspec
import pytest

from falcohost import Alert, Priority
from falcohost.port import SocketPort, serve
from falcohost.store.arrival import Arrival, SubscriberPosition
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.subscriber import Answer, NewAlert, SubscriberSpec
from falcohost.subscribers.consumer import Consumer
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.testing.outputs import alert


class Subscribe(msgspec.Struct, frozen=True, tag=True):
    """Asks where a subscriber is."""

    name: str


class Read(msgspec.Struct, frozen=True, tag=True):
    """Asks for alerts."""

    after: int
    most: int


class Write(msgspec.Struct, frozen=True, tag=True):
    """Has an answer stored."""

    name: str
    mark: int
    alerts: list[Alert]
    state: bytes | None


class Reply(msgspec.Struct, frozen=True):
    """Answers any of these; *last* is the number of the last alert."""

    last: int
    position: tuple[int, bytes | None] | None = None
    found: list[tuple[int, Alert]] = []


def reply(store, question):
    """Return what *store* says to *question*."""
    match question:
        case Subscribe(name):
            return Reply(position=store.subscribe(name), last=store.last)
        case Read(after, most):
            return Reply(found=store.read(after, most), last=store.last)
        case Write(name, mark, alerts, state):
            store.answer(name, mark, alerts, state)
            return Reply(last=store.last)


class Remote:
    """A store at the other end of a socket. *last* is what was heard last."""

    kept = True

    def __init__(self, link):
        self.last = 0
        self._link = link
        self._port = SocketPort(link, Reply)
        self._lock = threading.Lock()

    def _ask(self, question):
        with self._lock:
            assert self._port.ask(question)
            found = []
            while not found:
                select.select([self._link], [], [], 60)
                found = self._port.answers()
            self.last = max(self.last, found[0].last)
            return found[0]

    def subscribe(self, name):
        """Ask where the subscriber is."""
        return SubscriberPosition(*self._ask(Subscribe(name)).position)

    def read(self, after, most):
        """Ask for alerts."""
        return self._ask(Read(after, most)).found

    def answer(self, name, mark, alerts=(), state=None):
        """Have an answer stored."""
        self._ask(Write(name, mark, list(alerts), state))


class Pairs:
    """Raises an alert for each two."""

    def __init__(self, settings, state):
        self._first = (state or b"").decode()

    def take(self, alerts):
        """Answer."""
        raised = []
        for one in alerts:
            if self._first:
                raised.append(NewAlert(rule="Pair", priority=Priority.NOTICE, message=f"{self._first} {one.id}"))
            self._first = "" if self._first else one.id
        return Answer(raised, self._first.encode())

    def close(self):
        """Do nothing."""


@pytest.fixture(params=["in the process", "over a socket"])
def seen(request):
    """Return a store, and the same as a subscriber sees it."""
    store = Store(None, Limits())
    with ExitStack() as stack:
        if request.param == "in the process":
            yield store, store
            return
        here, there = socket.socketpair()
        stack.enter_context(here)
        questions = Subscribe | Read | Write
        thread = threading.Thread(target=serve, args=(there, questions, lambda question: reply(store, question)))
        thread.start()
        yield store, Remote(here)
        here.close()
    thread.join(60)


def put(store, *names):
    """Store alerts with these ids."""
    store.append([Arrival("test", [msgspec.structs.replace(alert(name), id=name) for name in names])])


def test_positions_and_alerts(seen):
    """Marks and states are kept, alerts come in order and as they are."""
    store, view = seen
    assert (0, None) == view.subscribe("a")
    put(store, "x", "y", "z")
    view.answer("a", 2, [msgspec.structs.replace(alert("own"), id="own")], b"state")
    view.answer("a", 3)

    assert ((3, b"state"), 4) == (view.subscribe("a"), view.last)
    assert store.read(1, 2) == view.read(1, 2)
    assert ["z", "own"] == [one.id for _, one in view.read(2, 9)]


def test_a_subscriber_runs(seen, maker):
    """A consumer on its runner answers the same, whichever side of the socket the store is on."""
    store, view = seen
    spec = SubscriberSpec(name="pairs", description="Pairs.", make=Pairs)
    runner = Runner("pairs", Consumer(spec, {}, None, maker), view, kind="subscriber")
    with Subscribers([], [runner], view, timeout=60) as subscribers:
        for names in ("ab", "c", "def", "g"):
            put(store, *names)
            view.last = store.last  # which a message will say
            subscribers.notify()

    raised = [one.message for _, one in store.read(0, 99) if one.rule == "Pair"]
    assert (["a b", "c d", "e f"], b"g") == (raised, store.subscribe("pairs").state)
