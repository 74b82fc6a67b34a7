"""What the loader takes of the process that reads the rules, which may be in an attacker's hands."""

import struct
import zlib

import pytest

from falcohost_syscall.drivers.modern_ebpf.asked import Compiled, compiled, read, takes


def asked(said, parts=b"\x90", behind=b""):
    """Return what a loader takes for what rules ask for."""
    return struct.pack("=II", len(parts), len(said)) + parts + said + behind


@pytest.mark.parametrize(
    "data", [b"", b"x", asked(b""), asked(b"x"), asked(zlib.compress(b"x")), asked(zlib.compress(b"\x80")[:-1])]
)
def test_something_else(data):
    """It is refused."""
    with pytest.raises(ValueError, match=r"."):
        read(data)


def test_what_would_take_all_memory():
    """A few bytes that are unpacked to very many are refused before that."""
    packing = zlib.compressobj()
    zeros = bytes(1 << 20)
    said = b"".join([*(packing.compress(zeros) for _ in range(256)), packing.flush()])

    assert len(said) < 1 << 20
    with pytest.raises(ValueError, match="too long"):
        read(asked(said))


def test_parts_that_there_are_not():
    """They are refused."""
    with pytest.raises(ValueError, match="unknown parts: everything"):
        takes(asked(b"", b"\x91\xaaeverything"))


@pytest.mark.parametrize("behind", [b"x", b"\x92\x90\xc4\x01x", b"\x92\x91\xc4\x01x\xc4\x00"])
def test_damaged_filters(behind):
    """They count as none, and what is asked for is as it was."""
    assert Compiled() == compiled(asked(b"", behind=behind))
