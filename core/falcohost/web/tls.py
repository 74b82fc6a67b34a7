"""TLS for a listener: 1.2 and later, with certificate and key in one PEM file, like Falco's ``sslCertificate``."""

from __future__ import annotations

import ssl
from pathlib import Path

from falcohost.errors import SourceError
from falcohost.regular import BUNDLE, SMALL, require_regular


def server_context(certificate: Path, key: Path | None, client_ca: Path | None, plugin: str) -> ssl.SSLContext:
    """Return the TLS context of a server; with *client_ca*, clients need a certificate signed by it.

    :param key: the file of the key; None: it is in *certificate*.
    :raises SourceError: a file cannot be read or has the wrong content.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        for file in (certificate, *([] if key is None else [key])):
            require_regular(file, SMALL)
        # With an empty password, so that an encrypted key is an error and not a prompt on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        what = "has to contain a certificate and its unencrypted key, as PEM"
        where = certificate if key is None else f"{certificate} with {key}"
        raise SourceError(f"{plugin}: {where} {what}: {_reason(error)}") from error
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            require_regular(client_ca, BUNDLE)
            context.load_verify_locations(client_ca)
        except OSError as error:
            what = "has to contain the authorities that sign senders' certificates, as PEM"
            raise SourceError(f"{plugin}: {client_ca} {what}: {_reason(error)}") from error
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "it is not PEM"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
