"""Tokens: where they are read, and who is admitted."""

import os

import pytest

from falcohost.errors import SourceError
from falcohost.web import Secret, read_secret


def secret(token_file="", environment=None):
    """Return what is read."""
    return read_secret("tester", token_file=str(token_file), variable="T", client_ca="", environment=environment or {})


def test_a_token_from_a_file_or_the_environment(tmp_path):
    """A file counts before the environment; white space around a token is not of it."""
    (tmp_path / "token").write_text("one\n")

    assert secret(tmp_path / "token", {"T": "two"}).token == b"one"
    assert secret("", {"T": " two "}).token == b"two"
    assert not secret()


def test_a_token_of_systemd(tmp_path):
    """A credential counts before the environment, and after the file that is named."""
    (tmp_path / "T").write_text("of systemd\n")
    (tmp_path / "token").write_text("of file\n")
    environment = {"T": "of environment", "CREDENTIALS_DIRECTORY": str(tmp_path)}

    assert secret("", environment).token == b"of systemd"
    assert secret(tmp_path / "token", environment).token == b"of file"


def test_what_is_no_token(tmp_path):
    """A file that is not there or empty is told in a sentence, as is an empty variable."""
    (tmp_path / "empty").write_text(" \n")
    os.mkfifo(tmp_path / "fifo")
    for arguments, text in [
        ((tmp_path / "fifo",), "cannot be read: It is a FIFO, not a regular file"),
        ((tmp_path / "none",), "cannot be read: No such file"),
        ((tmp_path / "empty",), "is empty; set one"),
        (("", {"T": ""}), "the token in T is empty"),
    ]:
        with pytest.raises(SourceError) as raised:
            secret(*arguments)
        assert text in str(raised.value)


@pytest.mark.parametrize(
    ("authorization", "admitted"),
    [
        ("Bearer s3cret", True),
        ("bearer  s3cret ", True),
        ("Bearer s3cre", False),
        ("Bearer s3cret2", False),
        ("Basic s3cret", False),
        ("s3cret", False),
        ("Bearer", False),
        ("Bearer \udcff\u20ac", False),
        ("", False),
        (None, False),
    ],
)
def test_who_is_admitted(authorization, admitted):
    """Only the whole token, as a bearer token, is admitted; a secret is not shown."""
    assert admitted is Secret(b"s3cret").admits(authorization)
    assert "s3cret" not in repr(Secret(b"s3cret"))
    assert Secret().admits(authorization)


def test_a_token_beyond_ascii(serve):
    """A token may hold any text."""
    served = serve(token="sécret".encode())

    assert served.post(b"{}", Authorization="Bearer sécret".encode())[0] == 200
    assert served.post(b"{}", Authorization="Bearer secret")[0] == 401


def test_signature():
    """A body is signed with the key, or it is not taken; without a key nothing has to be signed."""
    # The key, body and signature of GitHub's page "Validating webhook deliveries".
    right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret = Secret(key=b"It's a Secret to Everybody")

    assert secret.signs(b"Hello, World!", right)
    assert not any(secret.signs(b"Hello, World!", sent) for sent in (None, "", right[:-1], right.upper(), "sha256=é"))
    assert not secret.signs(b"Hello, World", right)
    assert Secret().signs(b"anything", None)
    assert (True, False) == (bool(secret), bool(Secret()))
    assert "Everybody" not in repr(secret)
