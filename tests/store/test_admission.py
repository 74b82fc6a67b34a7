"""Admission: alerts that a hostile worker makes are refused; those that an intact one makes are not."""

import contextlib
import struct
import tracemalloc
import weakref

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from falcohost.alert import Priority, RuleMetadata
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.facts import facts_by_rule
from falcohost.engine.ir import And
from falcohost.engine.ruleset import Rule
from falcohost.engine.template import Template
from falcohost.fields import Field, FieldType
from falcohost.store.admission import LATE, MOST_ALERTS, MOST_BODIES, MOST_CURSOR, Admission, Refused
from falcohost.store.body import MOST_BODY, encode
from falcohost.subject import MOST_SUBJECTS, ProcessSubject, UserSubject
from falcohost.testing.clock import ManualClock

TEXT = Field(name="it.text", type=FieldType.CHARBUF, description="a text", get=lambda event, arg: event["text"])
LIST = Field(
    name="it.list", type=FieldType.CHARBUF, is_list=True, description="a list", get=lambda event, arg: event["list"]
)
CATALOG = Catalog("test", (*GENERIC_FIELDS, TEXT, LIST))


class Happening(dict):
    """An event with these values."""

    type = key = "x"
    num = 1
    ts = 1_700_000_000_000_000_000
    subject = ProcessSubject(1, 2)


def rule(name="rule", *, priority=Priority.NOTICE, output="found %it.text\n%it.list", description="text"):
    """Return a rule."""
    more = {"tags": ("a", "b"), "condition": And(()), "event_types": None}
    template = Template.parse(output, CATALOG)
    return Rule(name=name, source="test", priority=priority, output=template, description=description, **more)


def made(by=None, text="x", values=("a",)):
    """Return an alert as a worker makes it."""
    return AlertMaker("host").make(by or rule(), Happening(text=text, list=values))


GOOD = made()


@pytest.fixture
def clock():
    """Return the admission's clock."""
    return ManualClock()


@pytest.fixture
def admission(clock):
    """Return what admits alerts of one rule."""
    return Admission("test", "host", facts_by_rule([rule()]), clock)


def admit(admission, *alerts, cursor=None):
    """Return those of *alerts* that are admitted."""
    metadata = list({alert.metadata: None for alert in alerts})
    return admission.admit([encode(alert) for alert in alerts], metadata, cursor)[0]


def changed(**values):
    """Return the good alert with other values."""
    return msgspec.structs.replace(GOOD, **values)


@given(st.text(st.characters()), st.lists(st.text(st.characters())), st.integers())
def test_what_an_intact_worker_makes_is_admitted(text, values, time):
    """Whatever is in an event, its alert is admitted as it is."""
    event = Happening(text=text, list=tuple(values))
    event.ts = time
    alert = AlertMaker("host").make(rule(), event)

    assert [alert] == admit(Admission("test", "host", facts_by_rule([rule()])), alert)


@pytest.mark.parametrize(
    ("text", "values"),
    [("x" * (3 << 20), ("a",)), ("ü" * 16_000, ("\U0001f600" * 1000,) * 5000), ("a", tuple("xy" * (1 << 20)))],
)
def test_what_is_too_large_is_cut_by_the_worker(admission, text, values):
    """One event cannot make an alert that has no room; the alert says that it was cut."""
    (alert,) = admit(admission, made(text=text, values=values))

    assert alert.fields["falcohost.cut"] is True
    assert alert.message.startswith("found ")


REFUSED = {
    "another source": changed(source="syscall"),
    "falcohost itself": changed(source="internal"),
    "an unknown rule": changed(rule="other"),
    "a higher priority": changed(priority=Priority.EMERGENCY),
    "other tags": changed(tags=("a",)),
    "another description": changed(metadata=RuleMetadata(description="other")),
    "another host": changed(hostname="other"),
    "a chain": changed(depth=1),
    "a late time": changed(time=1 << 63),
    "no matches": changed(count=0),
    "negative matches": changed(count=-1),
    "many matches": changed(count=1 << 63),
    "no id": changed(id=""),
    "a long id": changed(id="x" * 65),
    "an id with escapes": changed(id="\x1b[2J"),
    "a line of another message": changed(output="12:00: Notice nothing"),
    "a line of another priority": changed(output=GOOD.output.replace("Notice", "Debug")),
    "a long line": changed(output="x" * 1000 + GOOD.output),
    "forged lines": changed(message="a\nb\nc", output="12:00: Notice a\nb\nc"),
    "an escape": changed(message="a\x1b[2J", output="12:00: Notice a\x1b[2J"),
    "a change of direction": changed(message="a\u202e", output="12:00: Notice a\u202e"),
    "many fields": changed(fields={str(number): 1 for number in range(5000)}),
    "bytes": changed(fields={"a": b"x"}),
    "a struct": changed(fields={"a": {"b": 1}}),
    "a list of lists": changed(fields={"a": [[1]]}),
    "an extension": changed(fields={"a": msgspec.msgpack.Ext(5, b"x")}),
    "deep values of its condition": changed(read=b"\x81\xa1a" + b"\x91" * 900 + b"\x01"),
    "many values of its condition": changed(read=msgspec.msgpack.encode({"a": "x" * 20_000})),
    "values of its condition that are none": changed(read=b"\x01"),
    "many subjects": changed(subjects=(ProcessSubject(1, 1),) * (MOST_SUBJECTS + 1)),
    "a large pid": changed(subjects=(ProcessSubject((1 << 64) - 1, 1),)),
    "a long name": changed(subjects=(UserSubject("k", "x" * 2000),)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_intact_worker_does_not_make_is_refused(admission, name):
    """An alert of others, of no rule of this source, or that a column, an output or a terminal does not take."""
    alert = REFUSED[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("falcohost.store.body.MOST_FIELDS", 10_000)
        body = encode(alert)

    with pytest.raises(Refused):
        admission.admit([body], [alert.metadata], None)


def test_too_much_at_once_is_refused(admission):
    """Messages are bounded: the number of alerts, their bytes, a single one, and the cursor."""
    body = encode(GOOD)
    for bodies, metadata, cursor in (
        ([body] * (MOST_ALERTS + 1), [GOOD.metadata], None),
        ([body + b"\0" * 100_000] * (MOST_BODIES // 100_000 + 1), [GOOD.metadata], None),
        ([b"\0" * (MOST_BODY + 1)], [GOOD.metadata], None),
        ([body], [GOOD.metadata] * 2, None),
        ([], [], "x" * (MOST_CURSOR + 1)),
    ):
        with pytest.raises(Refused):
            admission.admit(bodies, metadata, cursor)


def head():
    """Return what precedes an alert in MessagePack."""
    return struct.pack(">BIQ", 0xC0, 0, 0)


BOMBS = {
    "nested arrays": head() + b"\x81\xa6fields\x81\xa1a" + b"\x91" * 500_000,
    "nested maps": head() + b"\x81\xa6fields\x81\xa1a" + b"\x81\xa1a" * 300_000,
    "nested in an unknown member": head() + b"\x81\xa1a" + b"\x91" * 500_000,
    "a long array": head() + b"\x81\xa6fields\x81\xa1a\xdd\xff\xff\xff\xff",
    "a long map": head() + b"\x81\xa6fields\xdf\xff\xff\xff\xff",
    "a long text": head() + b"\x81\xa2id\xdb\xff\xff\xff\xff",
    "an older form": b"\x81\xa6fields\x81\xa1a" + b"\x91" * 500_000,
    "empty arrays": head() + b"\x81\xa6fields\x81\xa1a\xdd" + struct.pack(">I", 1_000_000) + b"\x90" * 1_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(admission, name):
    """Deep nesting and lengths that are not there are refused, within a bounded memory."""
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            admission.admit([BOMBS[name]], [], None)
        assert tracemalloc.get_traced_memory()[1] < 128 << 20
    finally:
        tracemalloc.stop()


ENCODED = encode(GOOD)


@given(st.lists(st.tuples(st.integers(0, len(ENCODED) - 1), st.binary(max_size=4)), max_size=4), st.integers(0, 3))
@example([(9, b"\xff")], 0)
def test_changed_bytes(changes, cut):
    """Whatever bytes are changed, an alert is admitted or refused, and nothing else happens."""
    body = bytearray(ENCODED)
    for at, new in changes:
        body[at : at + max(len(new), 1)] = new
    data = bytes(body[: len(body) - cut])
    admission = Admission("test", "host", facts_by_rule([rule()]))
    try:
        (alert,) = admission.admit([data], [GOOD.metadata], None)[0]
    except Refused:
        return
    assert ("test", "rule", "host") == (alert.source, alert.rule, alert.hostname)
    assert alert.message.isprintable() or "\n" in alert.message


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(GOOD.__struct_fields__), ANYTHING, min_size=1, max_size=3))
def test_changed_values(values):
    """Whatever value a member has, of whatever type, the alert is admitted or refused."""
    members = msgspec.to_builtins(msgspec.structs.replace(GOOD, metadata=RuleMetadata())) | values
    body = ENCODED[:13] + msgspec.msgpack.encode(members)
    with contextlib.suppress(Refused):
        Admission("test", "host", facts_by_rule([rule()])).admit([body], [GOOD.metadata], None)


def test_values_of_the_condition(admission):
    """What a condition has read is taken as it is."""
    alert = changed(read=msgspec.msgpack.encode({"proc.args": ["a", b"\xff"], "fd.sport": 22, "x": None}))
    assert [alert] == admit(admission, alert)


def test_old_and_new_rules_after_a_reload(admission, clock):
    """Until a worker has switched, and for a while after, alerts of old and new rules are admitted; then new ones."""
    old, new = made(), made(rule(priority=Priority.ERROR))
    with pytest.raises(Refused):
        admit(admission, new)

    admission.renew(1, facts_by_rule([rule(priority=Priority.ERROR)]))
    clock.advance(10 * LATE)
    assert [old, new] == admit(admission, old, new)

    admission.switched(1)
    clock.advance(LATE)
    assert [old, new] == admit(admission, old, new)
    clock.advance(1)
    with pytest.raises(Refused):
        admit(admission, old)
    assert [new] == admit(admission, new)


def test_former_rules_are_let_go(admission, clock):
    """The facts of rules of which no alert is admitted any more are not kept in memory."""

    class Told(dict):
        """Facts that can be watched."""

    told = Told(facts_by_rule([rule("second")]))
    watched = weakref.ref(told)
    admission.renew(1, told)
    admission.renew(2, facts_by_rule([rule("third")]))
    del told
    admission.switched(2)
    clock.advance(LATE + 1)
    admission.renew(3, facts_by_rule([rule("fourth")]))

    assert watched() is None


def test_a_new_worker_has_only_new_rules(admission, clock):
    """After a restart alerts of rules that are gone are refused."""
    admission.renew(1, facts_by_rule([rule("new")]))
    admission.restarted()
    clock.advance(LATE + 1)

    with pytest.raises(Refused, match="'rule', which the source does not have"):
        admit(admission, made())
    assert 1 == len(admit(admission, made(rule("new"))))


def test_only_the_rules_own_line_breaks(admission):
    """An output that has a line break may have it, and no more than it has."""
    assert 1 == len(admit(admission, made()))
    with pytest.raises(Refused, match="control characters"):
        admit(admission, changed(message="a\nb\n", output="12:00: Notice a\nb\n"))
