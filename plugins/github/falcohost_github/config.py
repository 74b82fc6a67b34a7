"""Settings of the source ``github``, parsed once: those of Falco's plugin ``github``, and some of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from falcohost import ConfigError, SourceError
from falcohost.jsonlog import FOLLOW
from falcohost.settings import Settings
from falcohost.web import is_address, read_token
from falcohost_github.api import REPOSITORY
from falcohost_github.hooks import ALL, derived_secret

NAME = "github"

#: Keys of Falco's ``init_config`` that change nothing here: one that Falco does not use itself, one about how it calls
#: its plugin.
_FALCOS_OWN = ("token", "useAsync")

_SECRETS, OPEN = "secretsDir", "allowUnauthenticated"

#: Falco's plugin ``json``, whose block comes along because this plugin stands in for it too.
JSON = "json"

#: What GitHub calls; whether that is HTTPS where nothing says where to listen; and what does.
URL, _HTTPS, _LISTEN = "websocketServerURL", "useHTTPs", "listen"

_API, _TRIES, _AUDIT = "apiURL", "diffTries", "auditLog"

KEYS = (*_FALCOS_OWN, URL, _HTTPS, _LISTEN, _SECRETS, OPEN, _API, _TRIES, _AUDIT, FOLLOW, JSON)

#: Files of the folder with the secrets, and the environment variables that count first. The token's are Falco's.
SECRET, SECRET_VARIABLE = "webhook.secret", "FALCOHOST_GITHUB_WEBHOOK_SECRET"
TOKEN, TOKEN_VARIABLE = "github.token", "GITHUB_PLUGIN_TOKEN"

#: Where GitHub's API is; that of an Enterprise Server is at ``https://HOST/api/v3``.
API = "https://api.github.com"

#: How often it is tried to fetch what a push has changed: for ten minutes or so.
TRIES = 10

_REPOSITORY = re.compile(REPOSITORY, re.ASCII)


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar files: what is read; empty where it is not about files.
    :ivar follow: what is added to files is read as it comes.
    :ivar address: where to listen for webhooks; empty: nowhere.
    :ivar repositories: those whose webhooks are seen to, which call *url*.
    :ivar secrets: the folder with secrets, certificate and key.
    :ivar secret: with which webhooks are signed; *is_derived*: it follows from the token, since none is set.
    :ivar open_to_all: they need not be.
    :ivar api: where GitHub's API is, and *token* what it is asked with; without one it is not asked.
    :ivar audit: whose audit log is read: an organization, or ``enterprises/NAME``; empty: nobody's.
    :ivar tries: how often it is tried to fetch what a push has changed; 0: never.
    """

    files: str | list[str]
    follow: bool
    secrets: Path
    address: str = ""
    repositories: tuple[str, ...] = ()
    url: str = ""
    secret: bytes | None = field(default=None, repr=False)
    is_derived: bool = False
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
    where, url = values.open_params(), values.text(URL)
    repositories = _repositories(where) if isinstance(where, str) else ()
    address = ""
    if isinstance(where, str) and is_address(where):
        address = where
    elif repositories:
        address = _listens(values, url)
    secret = _read(secrets / SECRET, SECRET_VARIABLE, environment, "webhook secret")
    token = _token(secrets / TOKEN, environment)
    is_derived = bool(repositories) and secret is None and token is not None
    return Config(
        files="" if address else where,
        follow=values.truth(FOLLOW),
        secrets=secrets,
        address=address,
        repositories=repositories,
        url=url,
        secret=derived_secret(token, url) if is_derived and token is not None else secret,
        is_derived=is_derived,
        open_to_all=values.truth(OPEN),
        api=values.text(_API, API),
        token=token,
        tries=values.whole_number(_TRIES, TRIES),
        audit=_owner(values.text(_AUDIT)),
    )


def _repositories(open_params: str) -> tuple[str, ...]:
    """Return the repositories that *open_params* name as Falco's do; none where they name something else."""
    names = tuple(name.strip() for name in open_params.split(","))
    if names != (ALL,) and (not all(map(_REPOSITORY.fullmatch, names)) or os.path.lexists(open_params)):
        return ()
    return names


def _listens(values: Settings, url: str) -> str:
    """Return where to listen; where Falco does, if nothing is said."""
    path = urlsplit(url).path or "/"
    falcos = "https://0.0.0.0:443" if values.truth(_HTTPS, default=True) else "http://0.0.0.0:80"
    return values.text(_LISTEN) or falcos + path


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
