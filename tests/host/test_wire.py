"""Messages of workers to supervisor and store survive the way, in whatever pieces they arrive."""

import socket

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.alert import RuleMetadata
from falcohost.engine.facts import RuleFacts
from falcohost.host import data, wire
from falcohost.host.numbers import Numbers, TypeNumbers
from falcohost.store.admission import Admission
from falcohost.store.body import encode
from falcohost.store.metadata import key_of
from falcohost.store.outline import whole
from falcohost.testing.outputs import alert

OF_A_RULE = msgspec.structs.replace(alert("b"), metadata=RuleMetadata(description="d", file="f", exceptions=("x",)))

FACTS = {one.rule: RuleFacts(one.priority, one.tags, one.metadata) for one in (OF_A_RULE, alert("a"))}


def from_source():
    """Return what puts together what a source says."""
    return data.FromSource(Admission("test", "localhost", FACTS))


def refused(sent):
    """Return why the first message in *sent* is refused; nothing is heard of it."""
    received = from_source()
    assert [] == received.feed(sent)
    return str(received.refused)


MESSAGES = [
    wire.Ready(),
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


@given(drawn=st.data())
def test_any_pieces(sent, drawn):
    """The same messages come out, cut the stream where you will."""
    cuts = sorted(drawn.draw(st.sets(st.integers(0, len(sent)))))
    received = wire.Received(wire.Up)
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]

    assert [message for piece in pieces for message in received.feed(piece)] == MESSAGES


def test_commands_go_down():
    """The other direction has its own messages."""
    one, other = socket.socketpair()
    with one, other:
        wire.send(one, wire.Measure(True))

        assert wire.Received(wire.Down).feed(other.recv(1000)) == [wire.Measure(True)]


@pytest.mark.parametrize("received", [lambda: wire.Received(wire.Up), from_source], ids=["supervisor", "store"])
@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff", b"\x01\x00\x00\x00\xc1", b"\x02\x00\x00\x00\x91\x01"])
def test_rubbish_is_refused(received, sent):
    """Bytes that are not a message are an error, not a wait for four gigabytes."""
    one = received()
    assert [] == one.feed(sent)
    assert str(one.refused) in ("a message of 4294967295 bytes", "it cannot be decoded")


def of_alerts(alerts):
    """Return a message of *alerts*."""
    (message,) = data.pack(1, alerts, None, rewinds=False, ended=False)
    return message


def packed(*bodies, metadata=()):
    """Return a message of alerts as a worker may make it."""
    body = msgspec.msgpack.encode(data.PackedAlerts(1, list(bodies), list(metadata), None, rewinds=False))
    return len(body).to_bytes(4, "little") + body


def test_alerts_are_stored_as_they_came():
    """Alerts that a worker has encoded are passed on as bytes beside the alerts, with the metadata that they use."""
    (message,) = from_source().feed(wire.packed(of_alerts([OF_A_RULE, alert("a")])))

    assert [OF_A_RULE, alert("a")] == [*map(whole, message.alerts, message.sent.bodies)]
    assert [encode(OF_A_RULE), encode(alert("a"))] == message.sent.bodies
    assert OF_A_RULE.metadata == message.metadata[key_of(OF_A_RULE.metadata)]


def test_metadata_are_sent_once():
    """A message has the metadata of a rule once, however many of its alerts it has."""
    one, ten = (len(wire.packed(of_alerts([OF_A_RULE] * count))) for count in (1, 10))

    assert b"description" not in encode(OF_A_RULE)
    assert ten - one < 10 * (len(encode(OF_A_RULE)) + 4)


@pytest.mark.parametrize("body", [b"", b"\xc0", encode(OF_A_RULE)[:12], encode(OF_A_RULE)[:30], b"\x93abc", b"\xc1\0"])
def test_alerts_that_are_none_are_refused(body):
    """A worker that sends something else is found out, whatever it is."""
    assert "an alert that cannot be decoded" == refused(packed(body, metadata=[OF_A_RULE.metadata]))


def test_alerts_with_metadata_that_were_not_sent_are_refused():
    """The key of another's metadata gets a worker nothing, and one that it makes up neither."""
    other = RuleMetadata(description="other")
    assert "an alert that cannot be decoded" == refused(packed(encode(OF_A_RULE), metadata=[other]))


def test_many_large_alerts_are_several_messages():
    """Alerts that are too large for one message together are sent in several, and the cursor with the last."""
    large = msgspec.structs.replace(alert("a"), fields={"a": "x" * 300_000})
    sent = [*data.pack(5, [large] * 10, "cursor", rewinds=True, ended=False)]

    assert [5, 6, 7, 8] == [message.number for message in sent]
    assert [None, None, None, "cursor"] == [message.cursor for message in sent]
    received = from_source().feed(b"".join(map(wire.packed, sent)))
    assert [large] * 10 == [one for message in received for one in map(whole, message.alerts, message.sent.bodies)]
