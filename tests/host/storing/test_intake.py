"""Tests the intake: what workers send is stored in one transaction and acknowledged, whatever becomes of them."""

import gc
import socket
from pathlib import Path

import msgspec
import pytest

from falcohost.host import data, wire
from falcohost.host.storing import messages
from falcohost.host.storing.intake import MARKS_WAIT
from falcohost.store.arrival import Arrival
from falcohost.testing.outputs import alert


def test_all_that_has_arrived_is_stored_at_once(taking, of):
    """Alerts of all sources are stored in order, and each is told of its own cursor."""
    one, two = taking.source("one"), taking.source("two")
    one.send([of("one", "a"), of("one", "b")], "1", rewinds=True)
    two.send([of("two", "c")], None, rewinds=False)
    one.send([], "2", rewinds=True)
    taking.turn()
    one.read()
    two.read()

    assert [["id-a", "id-b", "id-c"]] == taking.stored
    assert ("2", None) == (one.written(), two.written())
    assert one.empty
    assert two.empty


def test_nothing_has_arrived(taking):
    """Where nothing has arrived nothing is done."""
    taking.turn()

    assert [] == taking.stored


def test_a_worker_begins_at_the_cursor(taking, of):
    """A worker is told from where on its source is read; the next one goes on from what its predecessor has stored."""
    first = taking.source("one")
    first.send([of("one", "a")], "7", rewinds=True)
    second = taking.source("one")  # attached before the first one's alerts are read
    first.close()
    for _ in range(3):
        taking.turn()
        second.read()

    assert (True, "7") == (second.begun, second.cursor)


def test_the_next_worker_waits_for_what_its_predecessor_sent(taking, of):
    """All that a worker had sent is stored before anything from the next one."""
    first = taking.source("one")
    second = taking.source("one")
    second.send([of("one", "b")], None, rewinds=False)
    taking.turn()
    assert [] == taking.stored
    first.send([of("one", "a")], None, rewinds=False)
    first.close()
    for _ in range(3):
        taking.turn()

    assert ["id-a", "id-b"] == [name for names in taking.stored for name in names]


def test_a_source_that_has_ended_begins_anew(taking, of):
    """A source that has ended by itself has no cursor any more."""
    source = taking.source("one")
    source.send([of("one", "a")], "7", rewinds=True)
    source.send([], None, rewinds=True, ended=True)
    taking.turn()

    assert taking.store.cursor("one") is None


def packed(number, *alerts):
    """Return a message of *alerts* as a worker may make it."""
    (message,) = data.pack(number, alerts, None, rewinds=False, ended=False)
    return wire.packed(message)


@pytest.mark.parametrize(
    ("sent", "accusation"),
    [
        (b"\xff\xff\xff\xff", "a message of 4294967295 bytes"),
        (b"\x01\0\0\0\xc1", "it cannot be decoded"),
        (wire.packed(data.Stored(1)), "it cannot be decoded"),
        (packed(1, alert("a")), "an alert of the source 'test'"),
    ],
    ids=["too large", "rubbish", "another message", "another source"],
)
def test_what_a_source_may_not_say(taking, of, sent, accusation):
    """A source that says what it may not is accused and not listened to any more; others are not concerned."""
    wrong, right = taking.socket("one"), taking.source("two")
    wrong.sendall(sent)
    wrong.sendall(packed(2, of("one", "b")))
    right.send([of("two", "c")], None, rewinds=False)
    for _ in range(3):
        taking.turn()

    assert [["id-c"]] == taking.stored
    ((name, why),) = taking.accused
    assert "one" == name
    assert accusation in why


def test_what_is_sent_again_is_stored_once(taking, of):
    """A worker that has sent a message to a former store sends it again, and it is stored once all the same."""
    source = taking.source("one")
    source.send([of("one", "a")], None, rewinds=False)
    taking.turn()  # stored, but the worker does not read that
    source.send([of("one", "b")], None, rewinds=False)
    taking.intake.close()  # before the second has been read
    source.renew(taking.socket("one"))
    source.send([of("one", "c")], None, rewinds=False)
    taking.turn()
    source.read()

    assert ["id-a", "id-b", "id-c"] == [one.id for _, one in taking.store.read(0, 99)]
    assert source.empty


def test_a_worker_that_does_not_read(taking, of):
    """The last of many acknowledgements counts, and nothing piles up for a worker that does not read them."""
    source = taking.source("one")
    link = next(iter(taking.intake._sources._links.values()))
    for number in range(3000):
        source.send([], f"{number}" + "x" * 100, rewinds=True)
        taking.turn()
    assert link._outgoing.size < 1000
    for _ in range(3):
        source.read()
        taking.turn()
    source.read()

    assert source.empty
    assert source.written().startswith("2999x")


def given_up(taking, since):
    """Return the counts in alerts about alerts that were given up, stored after the number *since*."""
    rule, text = "Falcohost internal: alerts given up", "alerts were given up before every output had them"
    told = [one for _, one in taking.store.read(since, 99) if one.rule == rule]
    assert [f"{one.fields['count']} {text}" for one in told] == [one.message for one in told]
    return [one.fields["count"] for one in told]


def test_alerts_that_the_store_gave_up(taking, store):
    """Alerts that the store gave up are told at once, then every ten seconds, so that a flood is not one of these."""
    told = []
    for lost, seconds in ((3, 0), (5, 1), (40, 1), (40, 9), (40, 60), (41, 0)):
        taking.clock.advance(seconds)
        store.lost, before = lost, store.last
        taking.turn()
        taking.turn()
        told.append(given_up(taking, before))

    assert [[3], [], [], [37], [], [1]] == told


def test_alerts_that_the_store_gave_up_at_last(taking, store):
    """What is given up until the end is stored with the last commit."""
    for store.lost in (3, 5):
        taking.turn()
    taking.intake.commit(last=True)

    assert [3, 2] == given_up(taking, 0)


def test_nothing_is_left_open(taking):
    """Links of workers that have left are closed."""
    gc.collect()  # other tests' leavings
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        taking.source("one").close()
        taking.turn()

    assert before >= len(list(Path("/proc/self/fd").iterdir()))
    assert taking.intake.silent


def flood(of, source, first, count):
    """Return so many alerts of one rule."""
    return [msgspec.structs.replace(of(source, "a"), id=f"id-{number}") for number in range(first, first + count)]


def ids_of(taking, source):
    """Return the ids of the alerts of *source* that are stored."""
    return [alert.id for _, alert in taking.store.read(0, 1 << 20) if alert.source == source]


def test_a_flood(paced, of):
    """A burst is stored at once, then so many a second; what waits is not lost, and no other source has to wait."""
    one, two = paced.source("one"), paced.source("two")
    for first in range(0, 2000, 200):
        one.send(flood(of, "one", first, 200), None, rewinds=False)
        paced.turn()
    for first in (2000, 2100):  # with the first the source has taken more than it has
        one.send(flood(of, "one", first, 100), None, rewinds=False)
        two.send(flood(of, "two", first, 1), None, rewinds=False)
        paced.turn()
        paced.turn()
    assert (2100, 2) == (len(ids_of(paced, "one")), len(ids_of(paced, "two")))

    paced.loop.clock.advance(1.01)
    for _ in range(3):
        paced.turn()
    assert [f"id-{number}" for number in range(2200)] == ids_of(paced, "one")
    (told,) = (alert for _, alert in paced.store.read(0, 1 << 20) if alert.source == "internal")
    assert ("Falcohost internal: too many alerts", "one") == (told.rule, told.fields["source"])


def test_a_flood_at_the_end(paced, of):
    """When the run ends, nobody has to wait, and a worker that is gone is left."""
    one = paced.source("one")
    for first in range(0, 2400, 200):
        one.send(flood(of, "one", first, 200), None, rewinds=False)
        paced.turn()
    one.close()
    paced.turn()
    assert len(ids_of(paced, "one")) < 2400
    assert not paced.intake.silent

    paced.intake.hurry()
    for _ in range(3):
        paced.turn()
    assert 2400 == len(ids_of(paced, "one"))
    assert paced.intake.silent


def test_marks_wait_for_alerts(taking, of):
    """A mark is stored in the transaction of the next alerts; without any it waits no longer than a moment."""
    outputs, there = socket.socketpair()
    taking.intake.attach_outputs(there)
    wire.send(outputs, messages.Hello(0, {"stdout": 0}))
    taking.turn()
    taking.intake.commit(last=True)
    source = taking.source("one")
    source.send([of("one", "a"), of("one", "b")], None, rewinds=False)
    taking.turn()
    wire.send(outputs, messages.Answer("stdout", 1))
    taking.turn()
    assert {"stdout": 0} == taking.store.marks

    source.send([of("one", "c")], None, rewinds=False)
    taking.turn()
    assert {"stdout": 1} == taking.store.marks

    wire.send(outputs, messages.Answer("stdout", 2))
    taking.turn()
    assert {"stdout": 1} == taking.store.marks
    taking.clock.advance(MARKS_WAIT)
    taking.turn()
    assert {"stdout": 2} == taking.store.marks


def test_a_mark_that_waits_is_stored_at_the_end(taking, of):
    """The last transaction has what still waits."""
    outputs, there = socket.socketpair()
    taking.intake.attach_outputs(there)
    source = taking.source("one")
    source.send([of("one", "a")], None, rewinds=False)
    wire.send(outputs, messages.Hello(0, {"stdout": 0}))
    taking.turn()
    wire.send(outputs, messages.Answer("stdout", 1))
    taking.turn()
    taking.intake.commit(last=True)

    assert {"stdout": 1} == taking.store.marks


def test_what_is_redacted_is_not_stored(redacting, of):
    """Alerts are stored without secrets if that is configured, from sources and subscribers alike, with their ids."""
    taking, store = redacting, redacting.store
    told = msgspec.structs.replace(of("one", "a"), fields={"proc.cmdline": "login --password=hunter2000"})
    source = taking.source("one")
    source.send([told, of("one", "b")], "1", rewinds=True)
    taking.turn()
    taking.intake.take(Arrival("other", [told]))
    taking.turn()
    stored = [found for _, found in store.read(0, 10)]

    assert [["id-a", "id-b"], ["id-a"]] == taking.stored
    assert ["login --password=***"] * 2 == [one.fields["proc.cmdline"] for one in stored if one.id == "id-a"]
    assert not any(b"hunter2000" in body for _, body in store.bodies(0, 10))
