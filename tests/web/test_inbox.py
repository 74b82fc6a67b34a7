"""Tests the inbox: a request is answered once, when its cursor is acknowledged."""

import os
import threading
import time

import pytest

from falcohost.web.inbox import LATER, Delivery, Inbox


def give(inbox, body, answers):
    """Give *body* in; what becomes of it is appended to *answers*."""
    return inbox.hold(len(body)) and inbox.give(Delivery(body, lambda stored: answers.append((body, stored))))


def test_answered_when_acknowledged():
    """Several requests go under one cursor; a cursor answers all before it too, and each once."""
    inbox, answers = Inbox(100, 10), []
    give(inbox, b"a", answers)
    give(inbox, b"b", answers)
    first, one = inbox.take()
    give(inbox, b"c", answers)
    second, two = inbox.take()

    assert [b"a", b"b", b"c"] == [one.body for one in (*first, *second)]
    assert len(second) == 1
    assert answers == []
    inbox.ack(two)
    inbox.ack(one)
    assert answers == [(b"a", True), (b"b", True), (b"c", True)]


def test_cursors_of_another_life_answer_nothing():
    """A cursor that an earlier worker gave out is not taken for one of this."""
    inbox, earlier, answers = Inbox(100, 10), Inbox(100, 10), []
    for box in (inbox, earlier):
        give(box, b"a", answers)
    inbox.take()
    _, cursor = earlier.take()

    inbox.ack(cursor)
    inbox.ack("anything else")

    assert answers == []


def test_bounds():
    """Bytes and requests are bounded; what is answered makes room."""
    inbox, answers = Inbox(10, 2), []

    assert give(inbox, b"12345", answers)
    assert not inbox.hold(6)
    assert give(inbox, b"1", answers)
    assert inbox.hold(1)
    assert not inbox.give(Delivery(b"1", lambda stored: None))
    inbox.ack(inbox.take()[1])
    assert inbox.hold(9)


def test_closing_answers_all_that_wait():
    """Whoever waits when it is closed is told that nothing is stored; nothing more is taken."""
    inbox, answers = Inbox(100, 10), []
    give(inbox, b"a", answers)
    inbox.take()
    give(inbox, b"b", answers)

    inbox.close()

    assert answers == [(b"a", False), (b"b", False)]
    assert not give(inbox, b"c", answers)


@pytest.fixture
def told():
    """Return a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_request_ends_a_wait():
    """Whoever waits is woken by the next request, and by each after that."""
    inbox, answers = Inbox(100, 10), []
    for name in (b"a", b"b", b"c"):
        timer = threading.Timer(0.05, give, (inbox, name, answers))
        timer.start()
        begun, found = time.monotonic(), []
        while not found and time.monotonic() < begun + 10:
            found, cursor = inbox.take()
        assert [name] == [one.body for one in found]
        inbox.ack(cursor)
        timer.join()

    assert [(name, True) for name in (b"a", b"b", b"c")] == answers


def test_the_word_of_the_store_ends_a_wait(told):
    """While something waits to be stored, a wait ends when the store says something; else that is not looked at."""
    inbox, asked = Inbox(100, 10), []
    inbox.stored_at(lambda: asked.append(1) or told[0])
    os.write(told[1], b"x")
    give(inbox, b"a", [])
    inbox.take()
    assert asked == []

    assert ([], None) == inbox.take()
    assert asked == [1]


def test_a_descriptor_that_stays_readable_is_no_busy_loop(told):
    """If nothing is acknowledged although it was readable, it is not watched for these requests any more."""
    inbox, asked, answers = Inbox(100, 10), [], []
    inbox.stored_at(lambda: asked.append(1) or told[0])
    os.write(told[1], b"x")
    give(inbox, b"a", answers)
    _, cursor = inbox.take()
    cpu = time.thread_time()
    begun = time.monotonic()
    waits = 0
    while time.monotonic() < begun + 20 * LATER:
        inbox.take()
        waits += 1

    assert asked == [1]
    assert waits < 40
    assert time.thread_time() - cpu < 10 * LATER
    inbox.ack(cursor)
    assert answers == [(b"a", True)]
    give(inbox, b"b", answers)
    inbox.take()
    inbox.take()
    assert asked == [1, 1]


def test_a_store_that_is_gone_is_not_watched(told):
    """Where there is no store just now, requests are still taken, and another store is watched when it is there."""
    stores = [None, told[0]]
    inbox = Inbox(100, 10)
    inbox.stored_at(lambda: stores[0])
    give(inbox, b"a", [])
    inbox.take()
    assert ([], None) == inbox.take()

    os.write(told[1], b"x")
    stores.pop(0)
    give(inbox, b"b", [])
    assert [b"b"] == [one.body for one in inbox.take()[0]]
    begun = time.monotonic()
    inbox.take()
    assert time.monotonic() - begun < 10
