"""Messages between worker and supervisor survive the way, in whatever pieces they arrive."""

import socket

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.alert import RuleMetadata
from falcohost.host import wire
from falcohost.host.numbers import Numbers, TypeNumbers
from falcohost.store.body import encode
from falcohost.store.metadata import key_of
from falcohost.testing.outputs import alert

OF_A_RULE = msgspec.structs.replace(alert("b"), metadata=RuleMetadata(description="d", file="f", exceptions=("x",)))

MESSAGES = [
    wire.Ready(),
    wire.Alerts([alert("a"), alert("ü"), OF_A_RULE], "cursor"),
    wire.Alerts([]),
    wire.Report(Numbers(3, 2, {"ring full": 1}, types={"open": TypeNumbers(1, matched=1)}), 4.5, measuring=True),
    wire.LogLine(40, "text"),
    wire.Failed("error", "trace"),
    wire.Ended(),
]


def plain(message):
    """Return *message* as it was before it was sent."""
    return msgspec.structs.replace(message, bodies=[], metadata={}) if isinstance(message, wire.Alerts) else message


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
    received = wire.FromWorker()
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]

    assert [plain(message) for piece in pieces for message in received.feed(piece)] == MESSAGES


def test_acks_go_down():
    """The other direction has its own messages."""
    one, other = socket.socketpair()
    with one, other:
        wire.send(one, wire.Ack("x"))

        assert wire.Received(wire.Down).feed(other.recv(1000)) == [wire.Ack("x")]


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x01\x00\x00\x00\xc1", b"\x02\x00\x00\x00\x91\x01"])
def test_rubbish_is_refused(data):
    """Bytes that are not a message are an error, not a wait for four gigabytes."""
    with pytest.raises(ValueError, match=r"."):
        wire.FromWorker().feed(data)


def packed(*bodies, metadata=()):
    """Return a message of alerts as a worker may make it."""
    body = msgspec.msgpack.encode(wire.PackedAlerts(list(bodies), list(metadata), None, rewinds=False))
    return len(body).to_bytes(4, "little") + body


def test_alerts_are_stored_as_they_came():
    """Alerts that a worker has encoded are passed on as bytes beside the alerts, with the metadata that they use."""
    (message,) = wire.FromWorker().feed(wire.packed(wire.Alerts([OF_A_RULE, alert("a")])))

    assert [encode(OF_A_RULE), encode(alert("a"))] == message.bodies
    assert OF_A_RULE.metadata == message.metadata[key_of(OF_A_RULE.metadata)]


def test_metadata_are_sent_once():
    """A message has the metadata of a rule once, however many of its alerts it has."""
    one, ten = (len(wire.packed(wire.Alerts([OF_A_RULE] * count))) for count in (1, 10))

    assert b"description" not in encode(OF_A_RULE)
    assert ten - one < 10 * (len(encode(OF_A_RULE)) + 4)


@pytest.mark.parametrize("body", [b"", b"\xc0", encode(OF_A_RULE)[:12], encode(OF_A_RULE)[:30], b"\x93abc", b"\xc1\0"])
def test_alerts_that_are_none_are_refused(body):
    """A worker that sends something else is found out, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        wire.FromWorker().feed(packed(body, metadata=[OF_A_RULE.metadata]))


def test_alerts_with_metadata_that_were_not_sent_are_refused():
    """The key of another's metadata gets a worker nothing, and one that it makes up neither."""
    with pytest.raises(ValueError, match="metadata that are not there"):
        wire.FromWorker().feed(packed(encode(OF_A_RULE), metadata=[RuleMetadata(description="other")]))
