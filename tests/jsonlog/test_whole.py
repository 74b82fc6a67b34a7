"""What is unpacked at once is what blocks have, or is left to them."""

import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcohost.jsonlog import Refused, read_blocks, texts, whole, whole_document

LIMIT = 64 << 20


def by_blocks(data):
    """Return what is read of *data* in blocks: its texts with their offsets, or why it is refused."""
    found = []
    try:
        for items in texts(read_blocks(io.BytesIO(data).read), LIMIT, lambda cause, offset: None):
            found += items
    except Refused as refused:
        return str(refused)
    return found


def document(size, begin=b'{"Records":[', filler=b'{"a":1}, '):
    """Return a text of *size* bytes that begins like a document."""
    return (begin + filler * (size // len(filler) + 1))[:size]


@pytest.mark.parametrize("size", [whole.LEAST, whole.LEAST + 1, 500_000, whole.LARGEST])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_taken(size, pack):
    """A document on one line is the same as in blocks, valid or not."""
    text = document(size)

    assert text == whole_document(pack(text), LIMIT)
    assert [(0, text)] == by_blocks(pack(text))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        document(whole.LEAST - 1),
        document(whole.LARGEST + 1),
        document(whole.LEAST + 9, b" {"),
        document(whole.LEAST + 9, b"\xef\xbb\xbf{"),
        document(whole.LEAST + 9, b"["),
        document(whole.LEAST, filler=b'{"a":1}\n'),
        document(whole.LEAST) + b"\n",
    ],
)
def test_left(text):
    """What is small, large, of several lines, or does not begin with a bracket is left to blocks."""
    assert whole_document(gzip.compress(text), LIMIT) is None
    assert whole_document(text, LIMIT) is None


def test_limit():
    """A document larger than the limit is left to blocks, which refuse it."""
    text = document(100_000)

    assert whole_document(gzip.compress(text), 99_999) is None
    assert text == whole_document(gzip.compress(text), 100_000)


def test_other_sizes():
    """What says another size than it has, or has several members or padding, is left to blocks; no more is unpacked."""
    text = document(100_000)
    packed = gzip.compress(text)
    bomb = gzip.compress(document(50 << 20, filler=b"{}"))
    others = [packed + packed, packed + bytes(512), packed[:-1], packed[:-4] + (99_999).to_bytes(4, "little")]

    for data in (*others, bomb[:-4] + (100_000).to_bytes(4, "little")):
        assert whole_document(data, LIMIT) is None


@settings(max_examples=200)
@given(st.data())
def test_damaged(data):
    """Whatever is changed in packed data: what is unpacked at once is what blocks have."""
    packed = bytearray(gzip.compress(document(70_000) + data.draw(st.binary(max_size=50)), 6))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    packed = bytes(packed[: data.draw(st.one_of(st.just(len(packed)), st.integers(1, len(packed))))])

    found = whole_document(packed, LIMIT)

    assert found is None or [(0, found)] == by_blocks(packed)
