"""Authentication of senders: a bearer token, a client certificate, a signature, or, if the user allows it, none."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falcohost.credentials import credential
from falcohost.errors import SourceError
from falcohost.regular import SMALL, read_regular

_SCHEME = "bearer"

#: The default header with the signature of a body: GitHub's.
SIGNATURE = "X-Hub-Signature-256"


@dataclass(frozen=True, slots=True)
class Secret:
    """The secrets by which senders authenticate.

    :ivar token: the token of ``Authorization: Bearer``; None: not required. Never shown, not even by ``repr``.
    :ivar client_ca: file with the authorities that sign senders' certificates.
    :ivar key: the key with which bodies are signed (HMAC SHA-256); None: not required. Never shown.
    :ivar header: the header with the signature, in hexadecimal, with or without the prefix ``sha256=``.
    """

    token: bytes | None = field(default=None, repr=False)
    client_ca: Path | None = None
    key: bytes | None = field(default=None, repr=False)
    header: str = SIGNATURE

    def __bool__(self) -> bool:
        """Return whether any secret is required."""
        return self.token is not None or self.client_ca is not None or self.key is not None

    def signs(self, body: bytes, signature: str | None) -> bool:
        """Return whether *signature* is that of *body*, in constant time."""
        if self.key is None:
            return True
        right = hmac.new(self.key, body, hashlib.sha256).hexdigest()
        shown = (signature or "").strip().removeprefix("sha256=")
        return hmac.compare_digest(shown.encode("latin-1", "replace"), right.encode())

    def admits(self, authorization: str | None) -> bool:
        """Return whether the header *authorization* has the token, in constant time."""
        if self.token is None:
            return True
        scheme, _, shown = (authorization or "").partition(" ")
        sent = shown.strip().encode("latin-1", "replace")  # as headers are decoded
        return hmac.compare_digest(sent, self.token) and scheme.lower() == _SCHEME


def read_secret(
    plugin: str, *, token_file: str, variable: str, client_ca: str, environment: Mapping[str, str] = os.environ
) -> Secret:
    """Return the secret with the token in *token_file* or under *variable*, and with *client_ca*.

    Empty strings mean that it is not set.

    :raises SourceError: the file cannot be read, or is empty.
    """
    token = read_token(plugin, token_file, variable, environment)
    return Secret(token, Path(client_ca) if client_ca else None)


def read_token(
    plugin: str, file: str, variable: str, environment: Mapping[str, str] = os.environ, *, what: str = "token"
) -> bytes | None:
    """Return the content of *file*, or of the credential of systemd or the variable *variable*; None: there is none.

    :param what: its name in messages.
    :raises SourceError: the file cannot be read, or is empty.
    """
    text, where = environment.get(variable), variable
    if file := file or str(credential(variable, environment) or ""):
        where = file
        try:
            text = read_regular(file, SMALL).decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
            raise SourceError(f"{plugin}: the {what} file {file} cannot be read: {reason}") from error
    if text is None:
        return None
    if not text.strip():
        raise SourceError(f"{plugin}: the {what} in {where} is empty; set one, since an empty one protects nothing")
    return text.strip().encode()
