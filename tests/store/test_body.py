"""Alerts in bytes: what is written is read again, and neither message nor metadata are written with each."""

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.alert import NO_METADATA, Alert, Priority, RuleMetadata, ShortAlert
from falcohost.store.body import MOST_BODY, decode, encode, encode_short
from falcohost.store.cut import MOST_FIELDS
from falcohost.store.metadata import NO_KEY, by_key, key_of
from falcohost.subject import ResourceSubject, UserSubject
from falcohost.testing.outputs import alert

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

METADATA = RuleMetadata(description="d" * 500, file="f", exceptions=("a", "b"))


@given(TEXTS, TEXTS, TEXTS, st.sampled_from([NO_METADATA, METADATA]))
def test_what_is_written_is_read_again(before, message, after, metadata):
    """An alert is decoded as it was, whatever surrounds the message in its text line, even the message again."""
    for output in (before + message + after, before + after, message + before + message, before + message):
        one = msgspec.structs.replace(alert("a"), message=message, output=output, metadata=metadata)
        assert one == decode(encode(one), by_key([NO_METADATA, METADATA]))


SUBJECTS = (UserSubject("k", "n"), ResourceSubject("k", "m"))


@given(
    st.builds(
        ShortAlert,
        id=TEXTS, rule=TEXTS, priority=st.sampled_from(Priority), source=TEXTS, time=st.integers(-(1 << 63), 1 << 62),
        message=TEXTS, output=TEXTS, fields=st.dictionaries(TEXTS, TEXTS | st.none() | st.lists(TEXTS), max_size=5),
        tags=st.sampled_from([(), ("a", "b")]), hostname=TEXTS, count=st.sampled_from([1, 2]),
        subjects=st.sampled_from([(), SUBJECTS]), depth=st.sampled_from([0, 1]), read=st.binary(max_size=3),
    ),
    st.sampled_from([NO_METADATA, METADATA]),
)  # fmt: skip
def test_a_short_alert_is_written_as_the_whole_one(short, metadata):
    """What is sent of an alert without making it first is the same, byte for byte."""
    assert encode(whole(short, metadata)) == encode_short(short, metadata)


@pytest.mark.parametrize(
    "large", [{"message": "m" * MOST_BODY}, {"fields": {str(number): "" for number in range(MOST_FIELDS + 1)}}]
)
def test_a_short_alert_that_is_too_large_is_cut(large):
    """It is cut as the whole one is, and says so."""
    given = {name: getattr(alert("a"), name) for name in ShortAlert.__struct_fields__}
    short = ShortAlert(**given | {"output": "12: "} | large)
    body = encode_short(short, METADATA)

    assert encode(whole(short, METADATA)) == body
    assert "falcohost.cut" in decode(body, by_key([METADATA])).fields


def whole(short, metadata):
    """Return the alert of which *short* is sent."""
    given = {name: getattr(short, name) for name in ShortAlert.__struct_fields__}
    return Alert(**given | {"output": short.output + short.message, "metadata": metadata})


def test_the_message_is_written_once():
    """The text line, which repeats the message, costs no more than what it adds."""
    small, large = (
        msgspec.structs.replace(alert("a"), message=text, output=f"12: {text}") for text in ("m", "m" * 201)
    )

    assert 200 <= len(encode(large)) - len(encode(small)) <= 202


def test_metadata_are_elsewhere():
    """An alert has the same size with metadata and without."""
    assert len(encode(alert("a"))) == len(encode(msgspec.structs.replace(alert("a"), metadata=METADATA)))


def test_keys():
    """A key is a positive number of 63 bits that stands for one content; no metadata have their own."""
    others = [METADATA, RuleMetadata(description="d"), RuleMetadata(file="d"), RuleMetadata(exceptions=("d",))]
    keys = {key_of(metadata) for metadata in others}

    assert NO_KEY == key_of(RuleMetadata())
    assert len(others) == len(keys)
    assert all(0 < key < 1 << 63 for key in keys)
    assert key_of(METADATA) == key_of(msgspec.structs.replace(METADATA))


def test_alerts_of_version_1_are_read():
    """A body as version 1 wrote it is the same alert."""
    assert alert("a") == decode(msgspec.msgpack.encode(alert("a")), {})


def test_alerts_of_version_2_are_read():
    """A body as version 2 wrote it, with its metadata and the place of the message, is the same alert."""
    one = msgspec.structs.replace(alert("a"), metadata=METADATA)
    at = one.output.index(one.message)
    body = msgspec.msgpack.encode(msgspec.structs.replace(one, output=one.output.replace(one.message, "")))

    assert one == decode(struct.pack(">BI", 0xC1, at) + body, {})


@pytest.mark.parametrize("length", range(14))
def test_no_part_of_one_is_an_alert(length):
    """A truncated alert is refused with an error that says so."""
    with pytest.raises(ValueError, match=r"."):
        decode(encode(alert("a"))[:length], by_key([NO_METADATA]))
