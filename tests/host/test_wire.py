"""Messages between worker and supervisor survive the way, in whatever pieces they arrive."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.host import wire
from falcohost.host.numbers import Numbers, TypeNumbers
from falcohost.testing.outputs import alert

MESSAGES = [
    wire.Ready(),
    wire.Alerts([alert("a"), alert("ü")], "cursor"),
    wire.Alerts([]),
    wire.Report(Numbers(3, 2, {"ring full": 1}, types={"open": TypeNumbers(1, matched=1)}), 4.5, measuring=True),
    wire.LogLine(40, "text"),
    wire.Failed("error", "trace"),
    wire.Ended(),
]


@pytest.fixture(scope="module")
def sent():
    """Return the bytes of all messages."""
    one, other = socket.socketpair()
    with one, other:
        for message in MESSAGES:
            wire.send(one, message)
        return other.recv(1 << 20)


@given(st.data())
def test_any_pieces(sent, data):
    """The same messages come out, cut the stream where you will."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)))))
    received = wire.Received(wire.Up)
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]

    assert [message for piece in pieces for message in received.feed(piece)] == MESSAGES


def test_acks_go_down():
    """The other direction has its own messages."""
    one, other = socket.socketpair()
    with one, other:
        wire.send(one, wire.Ack("x"))

        assert wire.Received(wire.Down).feed(other.recv(1000)) == [wire.Ack("x")]


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x01\x00\x00\x00\xc1", b"\x02\x00\x00\x00\x91\x01"])
def test_rubbish_is_refused(data):
    """What is no message is an error, not a wait for four gigabytes."""
    with pytest.raises(ValueError, match=r"."):
        wire.Received(wire.Up).feed(data)
