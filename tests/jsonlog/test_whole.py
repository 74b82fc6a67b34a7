"""What is unpacked at once is what blocks have, or is left to them."""

import gzip
import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcohost.jsonlog import Refused, inflate, read_blocks, texts, whole, whole_document

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


@pytest.fixture(params=[inflate.whole_decompressor, inflate.by_zlib], ids=["fast", "zlib"])
def decompressor(request, monkeypatch):
    """Unpack with the fastest decompressor that there is, and with Python's own."""
    monkeypatch.setattr(whole, "whole_decompressor", request.param)


def document(size, begin=b'{"Records":[', filler=b'{"a":1}, '):
    """Return a text of *size* bytes that begins like a document."""
    return (begin + filler * (size // len(filler) + 1))[:size]


@pytest.mark.usefixtures("decompressor")
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


@pytest.mark.usefixtures("decompressor")
def test_other_sizes():
    """What says another size than it has, or has several members or padding, is left to blocks."""
    text = document(100_000)
    packed = gzip.compress(text)
    bomb = gzip.compress(document(50 << 20, filler=b"{}"))
    others = [packed + packed, packed + bytes(512), packed[:-1], packed[:-4] + (99_999).to_bytes(4, "little")]

    for data in (*others, bomb[:-4] + (100_000).to_bytes(4, "little")):
        assert whole_document(data, LIMIT) is None


@pytest.mark.usefixtures("decompressor")
@pytest.mark.parametrize("said", [whole.LEAST, whole.LARGEST, whole.LARGEST + 1, (1 << 32) - 1])
def test_bomb(said):
    """Whatever size a bomb says that it has, no more than the largest content and a byte is unpacked."""
    bomb = gzip.compress(document(50 << 20, filler=b"{}"))
    tracemalloc.start()
    try:
        assert whole_document(bomb[:-4] + said.to_bytes(4, "little"), LIMIT) is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak <= 2 * whole.LARGEST + (1 << 20)  # zlib joins its pieces


def flipped(data, packed):
    """Return *packed* with one byte changed, and perhaps cut off."""
    changed = bytearray(packed)
    changed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    return bytes(changed[: data.draw(st.one_of(st.just(len(packed)), st.integers(1, len(packed))))])


@pytest.mark.parametrize("make", [inflate.whole_decompressor, inflate.by_zlib], ids=["fast", "zlib"])
@settings(max_examples=200)
@given(st.data())
def test_damaged(make, data):
    """Whatever is changed in packed data: what is unpacked at once is what blocks have."""
    packed = flipped(data, gzip.compress(document(70_000) + data.draw(st.binary(max_size=50)), 6))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "whole_decompressor", make)
        found = whole_document(packed, LIMIT)

    assert found is None or [(0, found)] == by_blocks(packed)


#: What may follow a member: nothing, zeros, other bytes, a member of the same size, or one of the same content.
AFTER = st.one_of(
    st.just(b""),
    st.integers(1, 600).map(bytes),
    st.binary(max_size=30),
    st.sampled_from([document(70_000), document(70_000, b'{"Other":[')]).map(gzip.compress),
)


@pytest.mark.parametrize("make", [inflate.whole_decompressor, inflate.by_zlib], ids=["fast", "zlib"])
@settings(max_examples=200)
@given(after=st.lists(AFTER, max_size=3).map(b"".join), says=st.booleans(), level=st.integers(0, 9))
def test_several(make, after, says, level):
    """What follows a member is never left out, even if it ends with the size that the member has."""
    text = document(70_000)
    packed = gzip.compress(text, level) + after + (len(text).to_bytes(4, "little") if says and after else b"")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "whole_decompressor", make)
        found = whole_document(packed, LIMIT)

    assert (text if not after else None) == found
    assert found is None or [(0, found)] == by_blocks(packed)
