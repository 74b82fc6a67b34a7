"""What a worker says to the supervisor: what is out of bounds, out of order or too often is refused or dropped."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.host import wire
from falcohost.host.checked import LINES_AT_ONCE, UNDECIDED_AT_ONCE, Speech
from falcohost.host.numbers import LookupNumbers, Numbers, RuleNumbers, TypeNumbers
from falcohost.store.admission import Refused
from falcohost.testing.clock import ManualClock

NUMBERS = Numbers(
    received=10,
    passed=9,
    dropped={"full": 1},
    done=0.5,
    fill={"ring": 0.5},
    notes=("It works.",),
    types={"open": TypeNumbers(1, 2, 3, matched=1)},
    rules={"rule": RuleNumbers(1, 0)},
    lookups={"names": LookupNumbers(1)},
)


@pytest.fixture
def clock():
    """Return the clock."""
    return ManualClock()


@pytest.fixture
def speech(clock):
    """Return what checks a worker whose source is open."""
    speech = Speech(["rule"], clock)
    assert speech.check(wire.Ready())
    return speech


def report(**values):
    """Return a report with other numbers."""
    return wire.Report(msgspec.structs.replace(NUMBERS, **values), 1.0)


def test_what_an_intact_worker_says(speech):
    """A whole life: open, reports, an undecided rule, new rules, the end."""
    speech.expect(1, ["rule"])
    for message in (
        wire.LogLine(20, "hello\nworld"),
        wire.Report(NUMBERS, 5.0),
        report(received=11, dropped={"full": 2, "other": 1}),
        wire.Undecided("rule", ("proc.args",), 5),
        wire.RulesTaken(1),
        wire.Ended(),
        wire.LogLine(20, "of a thread"),
    ):
        assert speech.check(message)


@pytest.mark.parametrize(
    "message",
    [
        wire.LogLine(20, "x" * 20_000),
        wire.LogLine(-1, "x"),
        wire.LogLine(1 << 62, "x"),
        wire.Ready(),
        wire.Secrets(["x" * 5000]),
        wire.Secrets(["x"] * 1000),
        wire.Report(NUMBERS, 1.0, of_drops={"a": "x" * 5000}),
        wire.RulesTaken(1),
        wire.Failed("x" * 20_000),
        wire.Failed("x", "x" * 70_000),
        wire.Undecided("other", (), 1),
        wire.Undecided("rule", (), -1),
        wire.Undecided("rule", (), 1 << 64),
        wire.Undecided("rule", ("x",) * 1000, 1),
        wire.Undecided("rule", ("x" * 5000,), 1),
        wire.Report(NUMBERS, float("nan")),
        wire.Report(NUMBERS, float("inf")),
        wire.Report(NUMBERS, -1.0),
        report(received=-1),
        report(received=1 << 63),
        report(done=float("nan")),
        report(done=-0.5),
        report(fill={"ring": float("inf")}),
        report(dropped={"full": -1}),
        report(dropped={f"{number}": 1 for number in range(5000)}),
        report(types={"open": TypeNumbers(-1)}),
        report(types={"x" * 5000: TypeNumbers(1)}),
        report(rules={"other": RuleNumbers(1, 0)}),
        report(rules={"rule": RuleNumbers(-1, 0)}),
        report(notes=("x",) * 1000),
        report(lookups={"names": LookupNumbers(1 << 64)}),
    ],
)
def test_what_an_intact_worker_does_not_say(speech, message):
    """It is refused."""
    with pytest.raises(Refused):
        speech.check(message)


def test_numbers_that_fall(speech):
    """Received and lost events of one worker only rise; a new worker begins anew."""
    speech.check(report())
    for less in (report(received=9), report(dropped={}), report(dropped={"full": 0})):
        with pytest.raises(Refused, match="has fallen"):
            speech.check(less)

    speech.begin()
    speech.check(wire.Ready())
    assert speech.check(report(received=1, dropped={}))


@pytest.mark.parametrize("message", [report(), wire.Undecided("rule", (), 1), wire.RulesTaken(1)])
def test_before_its_source_is_open(clock, message):
    """Nothing comes from a source that is not open."""
    with pytest.raises(Refused, match="before its source is open"):
        Speech(["rule"], clock).check(message)


@pytest.mark.parametrize("last", [wire.Ended(), wire.Failed("error")])
def test_after_the_end(speech, last):
    """After its last message only threads may still log."""
    speech.check(last)
    with pytest.raises(Refused, match="Report after its last message"):
        speech.check(report())


def test_too_many_lines(speech, clock):
    """Messages for the log are dropped beyond a rate, and counted; also over restarts."""
    line = wire.LogLine(20, "x")
    passed = 0
    for _ in range(10):
        speech.begin()
        passed += sum(speech.check(line) for _ in range(1000))
    assert LINES_AT_ONCE == passed
    assert 10_000 - passed == speech.lines.dropped

    clock.advance(1)
    assert speech.check(line)


def test_long_lines(speech):
    """A long message counts as several."""
    line = wire.LogLine(20, "x" * 16_000)
    assert LINES_AT_ONCE // 16 == sum(speech.check(line) for _ in range(1000))


def test_too_many_undecided_rules(speech):
    """Each becomes an alert, so there are few."""
    assert UNDECIDED_AT_ONCE == sum(speech.check(wire.Undecided("rule", (), 1)) for _ in range(1000))


def test_new_rules_are_known(clock):
    """After a reload the new rules may be named, and the old ones still until the worker is a new one."""
    speech = Speech(["rule"], clock)
    speech.check(wire.Ready())
    speech.expect(1, ["new"])

    assert speech.check(wire.RulesTaken(1))
    assert speech.check(report(rules={"rule": RuleNumbers(1, 0), "new": RuleNumbers(1, 0)}))
    with pytest.raises(Refused, match="that it was not sent"):
        speech.check(wire.RulesTaken(1))
    speech.begin()
    speech.check(wire.Ready())
    with pytest.raises(Refused, match="does not have"):
        speech.check(report(rules={"rule": RuleNumbers(1, 0)}))


MESSAGES = [
    wire.Ready(),
    wire.Descriptors({"a": 1}),
    wire.Secrets(["/etc/key"]),
    wire.Report(NUMBERS, 5.0),
    wire.Undecided("rule", ("proc.args",), 5),
    wire.LogLine(20, "text"),
    wire.RulesTaken(1, "error"),
    wire.Failed("error", "trace"),
    wire.Ended(),
]


@given(st.data())
def test_changed_bytes(data):
    """Whatever bytes are changed, each message is heard, dropped or refused, and nothing else happens."""
    sent = bytearray(b"".join(map(wire.packed, MESSAGES)))
    for _ in range(data.draw(st.integers(0, 4))):
        at, new = data.draw(st.integers(0, len(sent) - 1)), data.draw(st.binary(max_size=4))
        sent[at : at + max(len(new), 1)] = new
    received, speech = wire.Received(wire.Up), Speech(["rule"])
    for message in received.feed(bytes(sent)):
        with contextlib.suppress(Refused):
            speech.check(message)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 9), inner),
    max_leaves=20,
)


@given(st.sampled_from(MESSAGES), st.data())
def test_changed_values(message, data):
    """Whatever value a member has, of whatever type, the message is heard, dropped or refused."""
    members = msgspec.to_builtins(message)
    if isinstance(message, wire.Report) and data.draw(st.booleans()):
        members["numbers"][data.draw(st.sampled_from(NUMBERS.__struct_fields__))] = data.draw(ANYTHING)
    else:
        members[data.draw(st.sampled_from(sorted(members)))] = data.draw(ANYTHING)
    body = msgspec.msgpack.encode(members)
    received, speech = wire.Received(wire.Up), Speech(["rule"])
    speech.check(wire.Ready())
    for heard in received.feed(len(body).to_bytes(4, "little") + body):
        with contextlib.suppress(Refused):
            speech.check(heard)


@pytest.mark.parametrize("nested", [b"\x91", b"\x81\xa1a"])
def test_bombs(nested):
    """A message that is nested deep, or is said to be large, is refused."""
    body = b"\x82\xa4type\xa6Report\xa1x" + nested * 500_000
    for sent in (len(body).to_bytes(4, "little") + body, b"\xff\xff\xff\xff", (9 << 20).to_bytes(4, "little")):
        received = wire.Received(wire.Up)
        assert [] == received.feed(sent)
        assert received.refused is not None


def test_what_comes_before_is_heard():
    """A message that is refused costs no message before it, and nothing after it is read."""
    received = wire.Received(wire.Up)
    good, bad = wire.packed(wire.LogLine(20, "x")), b"\x01\0\0\0\xc1"

    assert [wire.LogLine(20, "x")] == received.feed(good + bad + good)
    assert [] == received.feed(good)
