"""Settings of the source ``github``, parsed once: those of Falco's plugin ``github``, and some of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from falcohost.errors import ConfigError, SourceError
from falcohost.jsonlog import FOLLOW
from falcohost.plugin_settings import Settings
from falcohost.web import read_token

NAME = "github"

#: Keys of Falco's ``init_config`` that change nothing here: one that Falco does not use itself, one about how it calls
#: its plugin.
_FALCOS_OWN = ("token", "useAsync")

_SECRETS, OPEN = "secretsDir", "allowUnauthenticated"

#: Falco's plugin ``json``, whose block comes along because this plugin stands in for it too.
JSON = "json"

_API, _TRIES, _AUDIT = "apiURL", "diffTries", "auditLog"

KEYS = (*_FALCOS_OWN, "websocketServerURL", "useHTTPs", _SECRETS, OPEN, _API, _TRIES, _AUDIT, FOLLOW, JSON)

#: Files of the folder with the secrets, and the environment variables that count first. The token's are Falco's.
SECRET, SECRET_VARIABLE = "webhook.secret", "FALCOHOST_GITHUB_WEBHOOK_SECRET"
TOKEN, TOKEN_VARIABLE = "github.token", "GITHUB_PLUGIN_TOKEN"

#: Where GitHub's API is; that of an Enterprise Server is at ``https://HOST/api/v3``.
API = "https://api.github.com"

#: How often it is tried to fetch what a push has changed: for ten minutes or so.
TRIES = 10


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar where: what is opened: files, or an address.
    :ivar follow: what is added to files is read as it comes.
    :ivar secrets: the folder with secrets, certificate and key.
    :ivar secret: with which webhooks are signed.
    :ivar open_to_all: they need not be.
    :ivar api: where GitHub's API is, and *token* what it is asked with; without one it is not asked.
    :ivar audit: whose audit log is read: an organization, or ``enterprises/NAME``; empty: nobody's.
    :ivar tries: how often it is tried to fetch what a push has changed; 0: never.
    """

    where: str | list[str]
    follow: bool
    secrets: Path
    secret: bytes | None = field(default=None, repr=False)
    open_to_all: bool = False
    api: str = API
    token: str | None = field(default=None, repr=False)
    tries: int = TRIES
    audit: str = ""


def parse(settings: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Config:
    """Return the settings in *settings*; a key that is unknown is warned of.

    :raises ConfigError: a value cannot be.
    :raises SourceError: a secret cannot be read.
    """
    values = Settings(NAME, settings, KEYS)
    secrets = Path(values.text(_SECRETS, "~/.ghplugin")).expanduser()
    return Config(
        where=values.open_params(),
        follow=values.truth(FOLLOW),
        secrets=secrets,
        secret=_read(secrets / SECRET, SECRET_VARIABLE, environment, "webhook secret"),
        open_to_all=values.truth(OPEN),
        api=values.text(_API, API),
        token=_token(secrets / TOKEN, environment),
        tries=values.whole_number(_TRIES, TRIES),
        audit=_owner(values.text(_AUDIT)),
    )


def _owner(name: str) -> str:
    """Return *name*, which goes into addresses.

    :raises ConfigError: it is none.
    """
    if name and not re.fullmatch(r"(?:enterprises/)?[\w-]+", name, re.ASCII):
        raise ConfigError(f"plugin '{NAME}': {_AUDIT} has to be an organization, or enterprises/NAME, not {name!r}.")
    return name


def _read(file: Path, variable: str, environment: Mapping[str, str], what: str) -> bytes | None:
    """Return what the environment's *variable* holds, or else the *file*, if there is one."""
    return read_token(NAME, _named(file, variable, environment), variable, environment, what=what)


def _token(file: Path, environment: Mapping[str, str]) -> str | None:
    """Return the token; of its file, as in Falco, the last line that is no comment."""
    text = read_token(NAME, _named(file, TOKEN_VARIABLE, environment), TOKEN_VARIABLE, environment)
    if text is None:
        return None
    lines = [line.strip() for line in text.decode().splitlines()]
    token = next((line for line in reversed(lines) if line and not line.startswith("#")), "")
    if not token or not token.isascii() or not token.isprintable():
        raise SourceError(f"{NAME}: there is no token in {file} or {TOKEN_VARIABLE}; remove it, or put one there")
    return token


def _named(file: Path, variable: str, environment: Mapping[str, str]) -> str:
    return "" if variable in environment or not os.path.lexists(file) else str(file)
