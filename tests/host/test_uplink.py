"""The way from a worker to the store: few messages, none late, and none lost when a store takes another's place."""

import socket
import threading

import pytest

from falcohost.alert import NO_METADATA, Priority, ShortAlert
from falcohost.engine.facts import RuleFacts
from falcohost.host import data, store_link, wire
from falcohost.host.outgoing import Outgoing
from falcohost.host.store_link import StoreLink
from falcohost.host.uplink import GATHER, LAST, MOST_GATHERED, Uplink
from falcohost.store.admission import Admission
from falcohost.store.body import encode
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

FACTS = {
    f"rule {name}": RuleFacts(Priority.WARNING, ("test",), NO_METADATA)
    for name in (*"abcdef", *map(str, range(MOST_GATHERED)))
}
ADMISSION = Admission("test", "localhost", FACTS)


class Link:
    """An uplink, and what has arrived at its other ends."""

    def __init__(self):
        self.clock = ManualClock()
        here, self._supervisor = socket.socketpair()
        store, self.store = socket.socketpair()
        self.uplink = Uplink(here, StoreLink(store), self.clock)
        self._received = data.FromSource(ADMISSION)

    @property
    def messages(self):
        """Return the messages to the store since the last time."""
        try:
            return self._received.feed(self.store.recv(1 << 20, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return []

    @property
    def arrived(self):
        """Return the sizes of these messages."""
        return [len(message.alerts) for message in self.messages]

    @property
    def sizes_and_cursors(self):
        """Return the sizes of these messages, each with its cursor."""
        return [(len(message.alerts), message.sent.cursor) for message in self.messages]

    def say(self, message):
        """Say something as the store."""
        self.store.sendall(wire.packed(message))

    def replace_store(self):
        """Have another store take the place of this one."""
        self.store.close()
        self._received = data.FromSource(ADMISSION)
        there, self.store = socket.socketpair()
        outgoing = Outgoing()
        outgoing.add(wire.packed(wire.NewStore()), there.fileno())
        outgoing.send(self._supervisor)
        there.close()


@pytest.fixture
def link():
    """Return a link."""
    return Link()


def test_a_batch_is_one_message(link):
    """Alerts of one batch leave together when it ends, the first as well."""
    for number in range(5):
        link.uplink.add(alert(str(number)))
    assert [] == link.arrived

    link.uplink.flush(None)
    assert [5] == link.arrived


def test_an_alert_that_was_not_made_whole_arrives_whole(link):
    """What is added of a match is the alert of it, at the store."""
    one = alert("a")
    known = {name: getattr(one, name) for name in ShortAlert.__struct_fields__}

    class Maker:
        def short(self, rule, event):
            assert ("the rule", "the event") == (rule, event)
            return ShortAlert(**known | {"output": one.output.removesuffix(one.message)}), one.metadata

    link.uplink.adding(Maker())("the rule", "the event")
    link.uplink.flush(None)

    (message,) = link.messages
    assert [encode(one)] == message.sent.bodies
    assert ["id-a"] == [known.id for known in message.alerts]


def test_none_waits_long_for_the_end_of_its_batch(link):
    """In a batch that takes its time alerts leave when the first of them has waited, and when they are many."""
    link.uplink.add(alert("a"))
    link.clock.advance(1.1 * GATHER)
    link.uplink.add(alert("b"))
    link.uplink.add(alert("c"))
    assert [2] == link.arrived

    for number in range(MOST_GATHERED):
        link.uplink.add(alert(str(number)))
    assert [MOST_GATHERED] == link.arrived
    link.uplink.flush(None)
    assert [1] == link.arrived


def test_a_cursor_waits_for_the_batch_that_follows_at_once(link):
    """Alerts and cursors of batches that follow each other at once are one message, when the first has waited."""
    link.uplink.more = True
    for name in "abc":
        link.uplink.add(alert(name))
        link.uplink.flush(f"cursor {name}")
    assert [] == link.arrived

    link.clock.advance(1.1 * GATHER)
    link.uplink.flush("cursor d")
    assert [(3, "cursor d")] == link.sizes_and_cursors


def test_a_cursor_that_waits_leaves_when_nothing_follows(link):
    """A batch that nothing follows, and whoever sends without a cursor, send what was held back."""
    link.uplink.more = True
    link.uplink.add(alert("a"))
    link.uplink.flush("cursor a")
    link.uplink.more = False
    link.uplink.flush("cursor a")
    assert [(1, "cursor a")] == link.sizes_and_cursors

    link.uplink.more = True
    link.uplink.flush("cursor b")
    link.uplink.flush(None)
    assert [(0, "cursor b")] == link.sizes_and_cursors


def test_a_cursor_without_alerts_does_not_wait_for_ever(link):
    """It leaves when it has waited, too, and only once."""
    link.uplink.more = True
    link.uplink.flush("cursor a")
    link.clock.advance(1.1 * GATHER)
    link.uplink.flush("cursor a")
    assert [(0, "cursor a")] == link.sizes_and_cursors

    link.clock.advance(1.1 * GATHER)
    link.uplink.flush("cursor a")
    assert [] == link.sizes_and_cursors


def test_what_waits_until_the_store_has_it(link):
    """It runs when the store has all alerts that were sent before, in order, and at once where there are none."""
    ran = []
    link.uplink.once_stored(lambda: ran.append("nothing was sent"))
    assert ["nothing was sent"] == ran

    for name in ("a", "b"):
        link.uplink.add(alert(name))
        link.uplink.flush(None)
        link.uplink.once_stored(lambda name=name: ran.append(name))
    link.uplink.once_stored(lambda: ran.append("behind b"))
    assert [1, 1] == link.arrived
    for number in (1, 2):
        link.say(data.Stored(number))
        link.uplink.written()
        assert number == ran.count("a") + ran.count("b")
    assert ["nothing was sent", "a", "b", "behind b"] == ran


def test_the_store_says_where_to_begin(link):
    """The source is opened when the store has said from where on it is read."""
    threading.Timer(0.05, link.say, [data.Begin("7")]).start()

    assert "7" == link.uplink.begin()


def test_what_is_not_stored_is_sent_to_the_next_store(link):
    """A new store is sent what its predecessor has not acknowledged, and knows that this comes again."""
    for name in "abc":
        link.uplink.add(alert(name))
        link.uplink.flush(f"cursor {name}")
    link.say(data.Stored(1, "cursor a"))
    assert "cursor a" == link.uplink.written()
    link.store.close()
    link.uplink.add(alert("d"))
    link.uplink.flush(None)
    link.replace_store()
    link.uplink.received()
    link.uplink.add(alert("e"))
    link.uplink.flush(None)

    found = [(message.sent.number, message.alerts[0].id, message.sent.again) for message in link.messages]
    assert [(2, "id-b", True), (3, "id-c", True), (4, "id-d", True), (5, "id-e", False)] == found
    link.say(data.Stored(5, "cursor c"))
    assert "cursor c" == link.uplink.written()


def test_a_source_waits_when_too_much_is_not_stored(link, monkeypatch):
    """While there is no store, a source goes on until much waits, and then waits for a new store."""
    monkeypatch.setattr(store_link, "MOST_ALERTS", 3)
    link.store.close()
    for name in "abc":
        link.uplink.add(alert(name))
        link.uplink.flush(None)

    def come():
        link.replace_store()
        while not (messages := link.messages):
            pass
        link.say(data.Stored(messages[-1].sent.number))

    timer = threading.Timer(0.05, come)
    timer.start()
    link.uplink.add(alert("d"))
    link.uplink.flush(None)
    timer.join()

    link.uplink.finish(ended=False)  # which would wait if something were not stored


def test_the_end_waits_for_the_store_but_not_for_ever(link, monkeypatch):
    """A worker that ends waits until its last alerts are stored, for a short time."""
    monkeypatch.setattr("falcohost.host.uplink.LAST", LAST / 10)
    link.uplink.add(alert("a"))
    link.uplink.flush(None)
    link.uplink.finish(ended=True)
    assert [(1, False), (0, True)] == [(len(one.alerts), one.sent.ended) for one in link.messages]

    threading.Timer(0.02, link.say, [data.Stored(3)]).start()
    link.uplink.finish(ended=True)


def test_messages_of_the_supervisor_are_not_lost_while_waiting(link):
    """What the supervisor says while a worker waits for the store is heard afterwards."""
    link._supervisor.sendall(wire.packed(wire.Measure(True)))
    link.say(data.Begin(None))
    assert link.uplink.begin() is None

    assert [wire.Measure(True)] == link.uplink.received()


def test_nobody_is_left(link):
    """A worker whose supervisor is gone ends."""
    link._supervisor.close()
    with pytest.raises(SystemExit):
        link.uplink.received()


def test_a_fleeting_cursor_without_alerts_is_not_sent(link):
    """A cursor that only tells when alerts are stored counts as written where there are none."""
    link.uplink.fleeting = True
    link.uplink.flush("cursor a")

    assert [] == link.sizes_and_cursors
    assert "cursor a" == link.uplink.written()
    assert link.uplink.written() is None


def test_a_fleeting_cursor_waits_for_alerts_before_it(link):
    """It is sent if alerts of its batch, or of one before, are not written; written is what the store says."""
    link.uplink.fleeting = True
    link.uplink.add(alert("a"))
    link.uplink.flush("cursor a")
    link.uplink.flush("cursor b")

    assert [(1, "cursor a"), (0, "cursor b")] == link.sizes_and_cursors
    assert link.uplink.written() is None
    link.say(data.Stored(1, "cursor a"))
    assert "cursor a" == link.uplink.written()
    link.uplink.flush("cursor c")
    assert [(0, "cursor c")] == link.sizes_and_cursors
    link.say(data.Stored(3, "cursor c"))
    assert "cursor c" == link.uplink.written()
    link.uplink.flush("cursor d")
    assert "cursor d" == link.uplink.written()
    assert [] == link.sizes_and_cursors


def test_alerts_that_left_early_are_not_on_the_disk_yet(link):
    """Alerts of a batch that the store has taken without a cursor may be in its memory, so the cursor is sent."""
    link.uplink.fleeting = True
    link.uplink.add(alert("a"))
    link.uplink.flush(None)
    assert [(1, None)] == link.sizes_and_cursors
    link.say(data.Stored(1))
    assert link.uplink.written() is None
    link.uplink.flush("cursor a")

    assert [(0, "cursor a")] == link.sizes_and_cursors
    assert link.uplink.written() is None
    link.say(data.Stored(2, "cursor a"))
    assert "cursor a" == link.uplink.written()


def test_alerts_of_a_fleeting_cursor_outlive_the_store(link):
    """Where the store has ended before it wrote them, the cursor is written when the next one has."""
    link.uplink.fleeting = True
    link.uplink.add(alert("a"))
    link.uplink.flush("cursor a")
    link.replace_store()
    link.uplink.received()
    link.uplink.flush("cursor b")

    assert [(1, "cursor a"), (0, "cursor b")] == link.sizes_and_cursors
    assert link.uplink.written() is None


def test_other_cursors_are_always_sent(link):
    """A cursor that another worker resumes after is stored, alerts or not."""
    link.uplink.flush("cursor a")

    assert [(0, "cursor a")] == link.sizes_and_cursors
    assert link.uplink.written() is None
