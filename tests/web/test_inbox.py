"""Tests the inbox: a request is answered once, when its cursor is acknowledged."""

from falcohost.web.inbox import Delivery, Inbox


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
