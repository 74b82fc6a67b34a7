"""JSON texts out of blocks of bytes."""

import gzip
import io
import zlib

import pytest

from falcohost.jsonlog.blocks import BLOCK, read_blocks
from falcohost.jsonlog.lines import texts
from falcohost.jsonlog.refusals import BAD_GZIP, GZIP_BOMB, TOO_LARGE, Refused

LIMIT = 1000


def test_lines_that_are_not_json():
    """Of plain lines a complete one ends at its newline, whatever it begins and ends with."""
    found = [
        text for some in texts(iter([b"[a] {b}", b"", b" c\n{", b"\nd"]), 99, pytest.fail, plain=True) for text in some
    ]

    assert found == [(0, b"[a] {b} c\n"), (10, b"{\n"), (12, b"d")]


def cut(*given, limit=LIMIT):
    """Return the texts in blocks, and what was refused with its place."""
    refused = []
    found = [text for some in texts(iter(given), limit, lambda cause, at: refused.append((cause, at))) for text in some]
    return found, refused


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines(size):
    """Lines are found with their places wherever the blocks end; blank ones are none."""
    data = b'{"a":1}\n\n  \r\n{"b":2}\r\n[3]\n{"half'

    found, refused = cut(*(data[at : at + size] for at in range(0, len(data), size)))

    assert b"".join(text for _, text in found).split() == [b'{"a":1}', b'{"b":2}', b"[3]", b'{"half']
    assert all(data[at : at + len(text)] == text for at, text in found)
    assert refused == []


@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_document_over_lines(size):
    """A document that does not end with its first line is one text."""
    data = b'\xef\xbb\xbf{\n "Records": [\n  {"a": 1}\n ]\n}\n'

    found, _ = cut(*(data[at : at + size] for at in range(0, len(data), size)))

    assert found == [(3, data[3:])]


def test_a_broken_first_line_is_no_document():
    """Where the first line is cut off, the others are lines all the same."""
    found, _ = cut(b'{"a":\n{"b":2}\n', b'{"c":3}\n')

    assert found == [(0, b'{"a":\n{"b":2}\n'), (14, b'{"c":3}\n')]


def test_a_large_block_is_not_copied():
    """A text that is one block, as most packed documents are, is that block itself."""
    document = b'{"Records":[' + b",".join([b'{"n":1}'] * 1000) + b"]}"

    ((offset, text),) = [placed for some in texts(iter([document]), 1 << 20, refuse) for placed in some]
    assert 0 == offset
    assert text is document


def refuse(cause, offset):
    """Refuse nothing."""
    raise AssertionError((cause, offset))


@pytest.mark.parametrize("size", [10, 999, 5000])
def test_long_lines_are_refused(size):
    """A line above the limit is refused once; the next is read."""
    data = b'{"a":1}\n{"' + b"x" * 3000 + b'"}\n{"b":2}\n"' + b"y" * 1001

    found, refused = cut(*(data[at : at + size] for at in range(0, len(data), size)))

    assert [(at, text.strip()) for at, text in found if b"{" in text] == [(0, b'{"a":1}'), (3013, b'{"b":2}')]
    assert refused == [(TOO_LARGE, 8), (TOO_LARGE, 3021)]


def test_a_long_document_is_read_as_lines():
    """A document above the limit is none; what are texts in it are read."""
    found, refused = cut(b'{"a":\n' + b"1,\n" * 500 + b'{"b":2}\n')

    assert found[-1] == (1506, b'{"b":2}')
    assert refused == []


def test_nothing():
    """An empty file has no texts."""
    assert cut() == ([], [])
    assert cut(b"\n\n") == ([], [])


def unpacked(data):
    """Return what is unpacked, and the cause for which the rest was refused."""
    made = []
    try:
        made.extend(read_blocks(io.BytesIO(data).read))
    except Refused as refused:
        return b"".join(made), str(refused)
    return b"".join(made), None


def test_plain():
    """Data that is not gzip is passed on as it is."""
    assert unpacked(b"x" * (2 * BLOCK + 3)) == (b"x" * (2 * BLOCK + 3), None)


def test_gzip_members():
    """All members are unpacked, and padding behind them is none."""
    assert unpacked(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 20) == (b"one two", None)


def test_gzip_with_a_name_and_large():
    """Members that are larger than a block are unpacked whole."""
    data = bytes(range(256)) * 20_000
    packer = zlib.compressobj(0, wbits=31)

    assert unpacked(packer.compress(data) + packer.flush()) == (data, None)


@pytest.mark.parametrize("keep", [5, 40, -1, -9])
def test_gzip_cut_off(keep):
    """Of a file that is cut off, what is there is unpacked, and the loss is told."""
    packed = gzip.compress(bytes(range(256)) * 10)

    made, cause = unpacked(packed[:keep])

    assert (bytes(range(256)) * 10).startswith(made)
    assert cause == BAD_GZIP


def test_gzip_damaged():
    """Damage is told."""
    packed = bytearray(gzip.compress(b"some text" * 50))
    packed[20] ^= 0xFF

    assert unpacked(bytes(packed))[1] == BAD_GZIP


def test_gzip_bomb():
    """A record that grows without end is given up after 64 MiB."""
    bomb = gzip.compress(bytes(70 << 20))

    made = 0
    with pytest.raises(Refused, match=GZIP_BOMB):
        for block in read_blocks(io.BytesIO(bomb).read):
            made += len(block)
            assert len(block) <= BLOCK

    assert made <= 66 << 20
