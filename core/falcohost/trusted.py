"""Whose certificates a client of TLS trusts."""

from __future__ import annotations

import ssl
from pathlib import Path


def client_context(authorities: str | Path | None = None) -> ssl.SSLContext:
    """Return the TLS context of a client, which checks certificate and name of its server.

    Certificates need to pass OpenSSL's own checks and no more, as for Falco: from 3.13 on, Python refuses those of
    private authorities that lack a key usage or an identifier.

    :param authorities: the PEM file of the authorities to trust; None: the system's.
    :raises OSError: the file cannot be read, or has none.
    """
    context = ssl.create_default_context(cafile=authorities)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
