"""Parses the settings of the webhook for an API server (``open_params: http[s]://host:port/path``)."""

from __future__ import annotations

from pathlib import Path

from falcohost.settings import Settings
from falcohost.web import Listener, WebLimits, read_address, read_secret

#: The environment variable that may hold the token.
TOKEN = "FALCOHOST_K8SAUDIT_TOKEN"

_CERTIFICATE, _BODY = "sslCertificate", "webhookMaxBatchSize"
_TOKEN_FILE, _CLIENT_CA, _OPEN = "tokenFile", "clientCA", "allowUnauthenticated"

KEYS = (_CERTIFICATE, _BODY, _TOKEN_FILE, _CLIENT_CA, _OPEN)

#: Keys under which lists of events hold them.
WRAPPERS = ("items", "records", "logEvents")

#: Falco's default file with certificate and key.
CERTIFICATE = "/etc/falco/falco.pem"


def read_listener(given: Settings, open_params: str, plugin: str) -> Listener:
    """Return the listener that *open_params* and the settings *given* describe.

    :raises ConfigError: a value has the wrong type.
    :raises SourceError: the address is not valid, or the token cannot be read.
    """
    token_file = given.text(_TOKEN_FILE)
    return Listener(
        plugin=plugin,
        address=read_address(open_params, plugin),
        secret=read_secret(plugin, token_file=token_file, variable=TOKEN, client_ca=given.text(_CLIENT_CA)),
        certificate=Path(given.text(_CERTIFICATE, CERTIFICATE)),
        files=(Path(token_file),) if token_file else (),
        open_to_all=given.truth(_OPEN),
        opens=f"init_config.{_OPEN}: true",
        asks=f"init_config.{_TOKEN_FILE} or the environment variable {TOKEN}, or init_config.{_CLIENT_CA} with https://",
        limits=WebLimits(body=given.whole_number(_BODY, WebLimits().body, at_least=1)),
    )
