"""Parses the settings of a webhook that receives the log (``open_params: http[s]://host:port/path``)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from falcohost import ConfigError
from falcohost.settings import Settings
from falcohost.web import SIGNATURE, Listener, WebLimits, read_address, read_secret, read_token

_TOKEN, _KEY, _HEADER, _CLIENT_CA = "token_file", "signature_key_file", "signature_header", "client_ca"
_CERTIFICATE, _BODY, _OPEN = "certificate", "max_body", "allow_unauthenticated"

KEYS = (_TOKEN, _KEY, _HEADER, _CLIENT_CA, _CERTIFICATE, _BODY, _OPEN)


def read_listener(given: Settings, open_params: str, plugin: str) -> Listener:
    """Return the listener that *open_params* and the settings *given* describe.

    :raises ConfigError: a value has the wrong type, or the certificate is missing.
    :raises SourceError: the address is not valid, or a secret cannot be read.
    """
    address = read_address(open_params, plugin)
    certificate = given.text(_CERTIFICATE)
    if address.tls and not certificate:
        raise ConfigError(
            f"{plugin}: {address} needs {_CERTIFICATE}; set it to a PEM file with a certificate and its key"
        )
    token_file, key_file = given.text(_TOKEN), given.text(_KEY)
    secret = read_secret(plugin, token_file=token_file, variable="", client_ca=given.text(_CLIENT_CA))
    key = read_token(plugin, key_file, "", what="signature key")
    return Listener(
        plugin=plugin,
        address=address,
        secret=replace(secret, key=key, header=given.text(_HEADER, SIGNATURE)),
        certificate=Path(certificate) if certificate else None,
        files=tuple(Path(file) for file in (token_file, key_file) if file),
        open_to_all=given.truth(_OPEN),
        opens=f"{_OPEN}: true",
        asks=f"{_TOKEN}, or {_KEY}, or {_CLIENT_CA} with https://",
        limits=WebLimits(body=given.whole_number(_BODY, WebLimits().body, at_least=1)),
    )
