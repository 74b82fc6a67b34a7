"""Files that people name are read whole, if they are files, and not too large."""

import os
import socket

import pytest

from falcohost.regular import MIB, read_regular, require_regular


def refused(path, limit=MIB):
    """Return why *path* is not read; the check without reading says the same."""
    with pytest.raises(OSError) as error:
        read_regular(path, limit)
    with pytest.raises(OSError) as same:
        require_regular(path, limit)
    assert str(same.value) == str(error.value)
    return error.value.strerror


def test_a_file_is_read(tmp_path):
    """Up to the limit, through links too."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")

    assert b"12345" == read_regular(tmp_path / "link", 5)


def test_what_is_no_file(tmp_path, monkeypatch):
    """It is refused by what it is, without being opened."""
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")

        assert "It is a FIFO, not a regular file" == refused("fifo")
        assert "It is a device, not a regular file" == refused("/dev/zero")
        assert "It is a socket, not a regular file" == refused("socket")
        assert "Is a directory" == refused(".")
        assert "No such file or directory" == refused("none")
        assert "The name is none that a file can have" == refused("a\0b")


def test_what_is_too_large(tmp_path):
    """The limit is part of the answer; a file that says nothing of its size is read up to it."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 40)

    assert "It is larger than 4 bytes" == refused(tmp_path / "file", 4)
    assert "It is larger than 1 MiB" == refused(tmp_path / "sparse")
    with pytest.raises(OSError, match="It is larger than 10 bytes"):
        read_regular("/proc/self/status", 10)


def test_what_becomes_a_fifo_in_between(tmp_path, monkeypatch):
    """It is not waited for either."""
    path = tmp_path / "file"
    path.touch()
    status = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(type(path), "stat", lambda path: status)

    with pytest.raises(OSError, match="It is a FIFO, not a regular file"):
        read_regular(path, MIB)
