"""Decompressors of gzip: with ISA-L and without it, the same comes of the same data."""

import gzip
import importlib.util
import io
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.jsonlog import blocks, inflate
from falcohost.jsonlog.refusals import Refused

isal = pytest.importorskip("isal.isal_zlib")
igzip_lib = pytest.importorskip("isal.igzip_lib")

#: Texts that are packed well and badly, some about as large as a block.
TEXTS = st.one_of(
    st.binary(max_size=3000),
    st.tuples(st.binary(min_size=1, max_size=40), st.integers(0, 3000)).map(lambda of: of[0] * of[1]),
    st.tuples(st.integers(0, 99), st.integers(3900, 4500)).map(lambda of: random.Random(of[0]).randbytes(of[1])),
)


def content(packed, make, chunk=1000):
    """Return what :func:`read_blocks` yields with these decompressors, and why it ends early, or None."""
    data = io.BytesIO(packed)
    found = b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "decompressor", make)
        patch.setattr(blocks, "BLOCK", 4096)
        try:
            for block in blocks.read_blocks(lambda size: data.read(min(size, chunk))):
                assert len(block) <= 4096
                found += block
        except Refused as refused:
            return found, str(refused)
    return found, None


def test_isal_is_taken():
    """Where the package is installed it decompresses."""
    assert type(isal.decompressobj()) is type(inflate.decompressor())
    assert igzip_lib.IgzipDecompressor is type(inflate.whole_decompressor())


@given(st.lists(TEXTS, min_size=1, max_size=3), st.integers(1, 9), st.integers(100, 5000), st.integers(0, 3))
def test_whole_data(texts, level, chunk, padding):
    """One member or several, with zeros behind them: the content is the same, in blocks that are no larger."""
    packed = b"".join(gzip.compress(text, level) for text in texts) + bytes(padding)

    for make in (inflate.by_zlib, inflate.decompressor):
        assert (b"".join(texts), None) == content(packed, make, chunk)


@given(TEXTS, st.data())
def test_damaged_data(text, data):
    """Data that is cut off or changed is refused by both, or by neither, and what was yielded before is right."""
    packed = bytearray(gzip.compress(text, 6))
    at = data.draw(st.integers(10, len(packed) - 1))
    if data.draw(st.booleans()):
        del packed[at:]
    else:
        packed[at] ^= data.draw(st.integers(1, 255))
    (by_zlib, why), (fast, fast_why) = (content(packed, make) for make in (inflate.by_zlib, inflate.decompressor))

    assert why == fast_why
    assert (by_zlib == fast) if why is None else (by_zlib.startswith(fast) or fast.startswith(by_zlib))


def test_without_the_package(monkeypatch):
    """Where the package is not installed, zlib decompresses."""
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    spec = importlib.util.spec_from_file_location("inflate_without", inflate.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.decompressor is module.whole_decompressor is module.by_zlib
    assert (b"text" * 5000, None) == content(gzip.compress(b"text" * 5000), module.decompressor)
