"""Secrets: from a file, the configuration or the environment, in this order, and never with what cannot be sent."""

import os

import pytest

from falcohost.errors import SourceError
from falcohost.poll import read_secret


def read(given="", file="", **environment):
    """Return what is read."""
    return read_secret("tester", "the token", given=given, file=str(file), variable="TOKEN", environment=environment)


def test_order(tmp_path):
    """The file counts before the configuration, and that before the environment; nothing is None."""
    file = tmp_path / "token"
    file.write_text("of file\n")

    assert "of file" == read("of text", file, TOKEN="of environment")
    assert "of text" == read("of text", TOKEN="of environment")
    assert "of environment" == read(TOKEN="of environment")
    assert None is read(TOKEN=" ")


def test_credentials(tmp_path):
    """A credential of systemd counts before the environment, and after file and configuration; a wrong name is none."""
    (tmp_path / "TOKEN").write_text("of systemd\n")
    folder = str(tmp_path)

    assert "of systemd" == read(TOKEN="of environment", CREDENTIALS_DIRECTORY=folder)
    assert "of text" == read("of text", CREDENTIALS_DIRECTORY=folder)
    assert "of environment" == read(TOKEN="of environment", CREDENTIALS_DIRECTORY=f"{folder}/none")
    (tmp_path / "TOKEN").write_text("")
    with pytest.raises(SourceError, match=f"the token cannot be read from {folder}/TOKEN: the file is empty"):
        read(TOKEN="of environment", CREDENTIALS_DIRECTORY=folder)


def test_unusable(tmp_path):
    """A file that is missing or empty, and characters that no header may have, are told without showing the secret."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(SourceError, match=r"the token cannot be read from .*none: No such file"):
        read(file=tmp_path / "none")
    with pytest.raises(SourceError, match="It is a FIFO, not a regular file"):
        read(file=tmp_path / "fifo")
    with pytest.raises(SourceError, match="the file is empty"):
        read(file=tmp_path / "empty")
    with pytest.raises(SourceError, match="it is not a text file"):
        read(file=tmp_path / "binary")
    with pytest.raises(SourceError, match="the token in the configuration has characters") as caught:
        read("s3cret\nX-Evil: 1")
    assert "s3cret" not in str(caught.value)
