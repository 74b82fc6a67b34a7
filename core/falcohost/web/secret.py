"""By what a sender is known: a bearer token, a client certificate, a signature, or, if the user says so, nothing."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falcohost.errors import SourceError
from falcohost.regular import SMALL, read_regular

_SCHEME = "bearer"

#: The header with the signature of a body, if it has no other name: GitHub's.
SIGNATURE = "X-Hub-Signature-256"


@dataclass(frozen=True, slots=True)
class Secret:
    """What a sender has to show.

    :ivar token: of ``Authorization: Bearer``; None: it needs none. Never shown, not even by ``repr``.
    :ivar client_ca: the file with the certificates by which senders' certificates are signed.
    :ivar key: with which every body is signed (HMAC SHA-256); None: it needs no signature. Never shown either.
    :ivar header: the header with the signature, in hexadecimal digits, with or without ``sha256=`` before them.
    """

    token: bytes | None = field(default=None, repr=False)
    client_ca: Path | None = None
    key: bytes | None = field(default=None, repr=False)
    header: str = SIGNATURE

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return self.token is not None or self.client_ca is not None or self.key is not None

    def signs(self, body: bytes, signature: str | None) -> bool:
        """Return whether *signature* is that of *body*, in a time that tells nothing of it."""
        if self.key is None:
            return True
        right = hmac.new(self.key, body, hashlib.sha256).hexdigest()
        shown = (signature or "").strip().removeprefix("sha256=")
        return hmac.compare_digest(shown.encode("latin-1", "replace"), right.encode())

    def admits(self, authorization: str | None) -> bool:
        """Return whether the header *authorization* shows the token, in a time that tells nothing of it."""
        if self.token is None:
            return True
        scheme, _, shown = (authorization or "").partition(" ")
        sent = shown.strip().encode("latin-1", "replace")  # which is how headers are read
        return hmac.compare_digest(sent, self.token) and scheme.lower() == _SCHEME


def read_secret(
    plugin: str, *, token_file: str, variable: str, client_ca: str, environment: Mapping[str, str] = os.environ
) -> Secret:
    """Return what *token_file*, or the environment's *variable*, and *client_ca* say; empty texts say nothing.

    :raises SourceError: the file cannot be read, or holds no token.
    """
    token = read_token(plugin, token_file, variable, environment)
    return Secret(token, Path(client_ca) if client_ca else None)


def read_token(
    plugin: str, file: str, variable: str, environment: Mapping[str, str] = os.environ, *, what: str = "token"
) -> bytes | None:
    """Return *what* is in *file*, or in the environment's *variable*; None where neither is named.

    :raises SourceError: the file cannot be read, or there is nothing in it.
    """
    text, where = environment.get(variable), variable
    if file:
        where = file
        try:
            text = read_regular(file, SMALL).decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SourceError(f"{plugin}: the {what} file {file} cannot be read: {reason}") from error
    if text is None:
        return None
    if not text.strip():
        raise SourceError(
            f"{plugin}: there is no {what} in {where}; put one there, since an empty one protects nothing"
        )
    return text.strip().encode()
