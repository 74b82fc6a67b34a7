"""Outlines: what is taken by them would be taken without, and says the same."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.alert import Alert, Priority, RuleMetadata
from falcohost.engine.facts import RuleFacts
from falcohost.store.admission import Admission, Refused
from falcohost.store.body import encode
from falcohost.store.outline import Outline, whole
from falcohost.subject import ProcessSubject, ResourceSubject, UserSubject

OF_RULE = RuleMetadata(description="d", file="f")
OTHER = RuleMetadata(description="other")
FACTS = {"r": RuleFacts(Priority.NOTICE, ("a", "b"), OF_RULE), "s": RuleFacts(Priority.ERROR, (), RuleMetadata(), 1)}
GOOD = Alert(
    id="00000001abc",
    rule="r",
    priority=Priority.NOTICE,
    source="test",
    time=1,
    message="found x",
    output="12:00:00.000000000: Notice found x",
    fields={"a": "b"},
    tags=("a", "b"),
    hostname="host",
    metadata=OF_RULE,
)

numbers = st.integers(-(1 << 63), (1 << 64) - 1)
texts = st.one_of(st.sampled_from(["", "x", "\x1b[2J", "a\nb", "\u202e", "ü", "x" * 1026]), st.text(max_size=5))
plain = st.one_of(texts, numbers, st.booleans(), st.none(), st.floats(allow_nan=False))
values = st.one_of(plain, st.lists(plain, max_size=3), st.lists(st.lists(plain, max_size=1), max_size=1), st.binary())
subjects = st.one_of(
    st.builds(UserSubject, texts, texts),
    st.builds(ResourceSubject, texts, texts),
    st.builds(ProcessSubject, numbers, numbers, st.none() | numbers, st.none() | numbers),
)
reads = st.one_of(
    st.just(b""),
    st.binary(max_size=6),
    st.dictionaries(texts, values | st.dictionaries(texts, values, max_size=1), max_size=2).map(msgspec.msgpack.encode),
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(texts, st.just("x" * 65)),
        "rule": st.sampled_from(["r", "s", "t"]),
        "priority": st.sampled_from(Priority),
        "source": st.sampled_from(["test", "internal"]),
        "time": numbers,
        "message": texts,
        "output": st.one_of(texts, st.sampled_from(["12:00: Error found x", "x" * 70 + ": Notice found x"])),
        "fields": st.dictionaries(texts, values, max_size=3),
        "tags": st.sampled_from([(), ("a", "b"), ("b", "a")]),
        "hostname": st.sampled_from(["host", "other"]),
        "count": numbers,
        "subjects": st.lists(subjects, max_size=17).map(tuple),
        "metadata": st.sampled_from([OF_RULE, OTHER, RuleMetadata()]),
        "depth": st.sampled_from([0, 1]),
        "read": reads,
    },
)


def both(body, metadata):
    """Return what is admitted of *body* completely, and by its outline; None: nothing."""
    found = []
    for admit in (Admission("test", "host", FACTS).admit, Admission("test", "host", FACTS).outlines):
        try:
            found.append(admit([body], metadata, None)[0][0])
        except Refused as refused:
            found.append(str(refused))
    return found


@given(changes)
def test_what_is_taken_is_the_same(changed):
    """Whatever is changed about a good alert, its outline is taken only if it is, and has the same in it."""
    alert = msgspec.structs.replace(GOOD, **changed)
    body = encode(alert)
    one, other = both(body, [alert.metadata])

    if isinstance(other, Outline):
        assert one == whole(other, body)
        for name in ("id", "rule", "priority", "source", "time", "tags", "count", "metadata"):
            assert getattr(one, name) == getattr(other, name)
    else:
        assert one == other


@given(st.data())
def test_damaged_bytes(data):
    """Of bytes that were changed an outline is taken only if the alert is."""
    body = bytearray(encode(GOOD))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    one, other = both(bytes(body), [OF_RULE])

    assert one == (whole(other, bytes(body)) if isinstance(other, Outline) else other)


def test_most_are_outlined():
    """A good alert is not decoded completely."""
    assert isinstance(both(encode(GOOD), [OF_RULE])[1], Outline)


@pytest.mark.parametrize("extra", [{"metadata": {"description": "forged"}}, {"other": 1}])
def test_what_is_in_the_bytes_besides(extra):
    """Bytes cannot say what metadata the alert has."""
    body = encode(GOOD)
    inner = msgspec.msgpack.decode(body[13:]) | extra
    _, other = both(body[:13] + msgspec.msgpack.encode(inner), [OF_RULE])

    assert OF_RULE == other.metadata
