"""Alerts in bytes: what is written is read again, and a message is not written twice."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from falcohost.store.body import decode, encode
from falcohost.testing.outputs import alert

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, TEXTS, TEXTS)
def test_what_is_written_is_read_again(before, message, after):
    """Whatever stands around the message in the text line, also nothing or a message that is there twice."""
    for output in (before + message + after, before + after, message + before + message):
        one = msgspec.structs.replace(alert("a"), message=message, output=output)
        assert one == decode(encode(one))


def test_the_message_is_written_once():
    """The text line, which repeats the message, costs no more than what it adds."""
    small, large = (
        msgspec.structs.replace(alert("a"), message=text, output=f"12: {text}") for text in ("m", "m" * 201)
    )

    assert 200 <= len(encode(large)) - len(encode(small)) <= 202


def test_alerts_of_version_1_are_read():
    """A body as earlier versions wrote it is the same alert."""
    assert alert("a") == decode(msgspec.msgpack.encode(alert("a")))
