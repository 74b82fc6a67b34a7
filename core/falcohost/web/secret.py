"""By what a sender is known: a bearer token, a client certificate, or, if the user says so, nothing."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falcohost.errors import SourceError

_SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Secret:
    """What a sender has to show.

    :ivar token: of ``Authorization: Bearer``; None: it needs none. Never shown, not even by ``repr``.
    :ivar client_ca: the file with the certificates by which senders' certificates are signed.
    """

    token: bytes | None = field(default=None, repr=False)
    client_ca: Path | None = None

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return self.token is not None or self.client_ca is not None

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
    token, where = environment.get(variable), variable
    if token_file:
        where = token_file
        try:
            token = Path(token_file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SourceError(f"{plugin}: the token file {token_file} cannot be read: {reason}") from error
    ca = Path(client_ca) if client_ca else None
    if token is None:
        return Secret(None, ca)
    if not token.strip():
        raise SourceError(f"{plugin}: there is no token in {where}, and an empty one would admit everybody")
    return Secret(token.strip().encode(), ca)
