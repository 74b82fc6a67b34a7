"""Data in a sealed memfd: read as it was written, and refused if somebody could still change it."""

import os

import pytest

from falcohost.errors import StateError
from falcohost.host.sealed import read_sealed, sealed


@pytest.fixture
def closing():
    """Return a function that takes descriptors and closes them in the end."""
    descriptors = []

    def closing(descriptor):
        descriptors.append(descriptor)
        return descriptor

    yield closing
    for one in descriptors:
        os.close(one)


def test_what_was_written_is_read_again_and_again(closing):
    """Reading moves nothing, so that the descriptor serves many processes."""
    data = os.urandom(100_000)
    descriptor = closing(sealed("test", data))

    assert [data, data] == [read_sealed(descriptor) for _ in range(2)]


def test_nobody_changes_it(closing):
    """Not even the writer can, nor whoever opens it anew."""
    descriptor = closing(sealed("test", b"data"))

    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)


def test_what_is_not_sealed_is_refused(closing, tmp_path):
    """A memfd without seals may change while it is read; a file is no memfd."""
    (tmp_path / "file").write_bytes(b"data")

    with pytest.raises(ValueError, match="it can still be changed"):
        read_sealed(closing(os.memfd_create("test", os.MFD_ALLOW_SEALING)))
    with pytest.raises(ValueError, match="it is no memfd"):
        read_sealed(closing(os.open(tmp_path / "file", os.O_RDONLY)))


def test_what_is_too_large_is_refused(closing):
    """The reader says how much it takes."""
    with pytest.raises(ValueError, match="it has 4 bytes, more than 3"):
        read_sealed(closing(sealed("test", b"data")), 3)


def test_nobody_executes_it(closing):
    """Where the kernel can, it refuses to make it a program."""
    descriptor = closing(sealed("test", b"#!/bin/true"))
    executable = os.fstat(descriptor).st_mode & 0o111
    release = tuple(map(int, os.uname().release.split(".")[:2]))

    assert bool(executable) == (release < (6, 3))


def test_where_there_can_be_none(monkeypatch):
    """It is told in words."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.memfd_create", refuse)

    with pytest.raises(StateError, match="a memfd cannot be made"):
        sealed("test", b"data")
