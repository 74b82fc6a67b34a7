"""Parses the settings of the source ``github``: those of Falco's plugin ``github``, and some of ours."""

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

#: Keys of Falco's ``init_config`` without effect here: one that Falco does not use either, and one about how it calls
#: its plugin.
_FALCOS_OWN = ("token", "useAsync")

_SECRETS, OPEN = "secretsDir", "allowUnauthenticated"

#: Falco's plugin ``json``, which this plugin replaces too; its block may be present.
JSON = "json"

#: The address that GitHub calls; whether to use HTTPS if no address to listen on is set; the address to listen on.
URL, _HTTPS, _LISTEN = "websocketServerURL", "useHTTPs", "listen"

_API, _TRIES, _AUDIT = "apiURL", "diffTries", "auditLog"

KEYS = (*_FALCOS_OWN, URL, _HTTPS, _LISTEN, _SECRETS, OPEN, _API, _TRIES, _AUDIT, FOLLOW, JSON)

#: Files in the folder with secrets, and the environment variables that take precedence. The token's are Falco's.
SECRET, SECRET_VARIABLE = "webhook.secret", "FALCOHOST_GITHUB_WEBHOOK_SECRET"
TOKEN, TOKEN_VARIABLE = "github.token", "GITHUB_PLUGIN_TOKEN"

#: GitHub's API; that of an Enterprise Server is ``https://HOST/api/v3``.
API = "https://api.github.com"

#: Default number of attempts to fetch the diff of a push, which take about ten minutes.
TRIES = 10

_REPOSITORY = re.compile(REPOSITORY, re.ASCII)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the source.

    :ivar files: files or folders to read; empty if none are.
    :ivar follow: what is added to files is read as it comes.
    :ivar address: the address to listen on for webhooks; empty: none.
    :ivar repositories: the repositories in which falcohost creates webhooks that call *url*.
    :ivar secrets: the folder with secrets, certificate and key.
    :ivar secret: the secret that webhooks sign with; *is_derived*: it is derived from the token, since none is set.
    :ivar open_to_all: webhooks need not be signed.
    :ivar api: the address of GitHub's API; *token* is the token for it, without which it is not used.
    :ivar audit: whose audit log is read: an organization, or ``enterprises/NAME``; empty: none.
    :ivar tries: number of attempts to fetch the diff of a push; 0: none.
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
    """Return the configuration in *settings*; unknown keys cause a warning.

    :raises ConfigError: a value is not valid.
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
    """Return the repositories that *open_params* name like Falco's; none if they name something else."""
    names = tuple(name.strip() for name in open_params.split(","))
    if names != (ALL,) and (not all(map(_REPOSITORY.fullmatch, names)) or os.path.lexists(open_params)):
        return ()
    return names


def _listens(values: Settings, url: str) -> str:
    """Return the address to listen on; by default Falco's."""
    path = urlsplit(url).path or "/"
    falcos = "https://0.0.0.0:443" if values.truth(_HTTPS, default=True) else "http://0.0.0.0:80"
    return values.text(_LISTEN) or falcos + path


def _owner(name: str) -> str:
    """Return *name*, which becomes part of addresses.

    :raises ConfigError: it is not valid.
    """
    if name and not re.fullmatch(r"(?:enterprises/)?[\w-]+", name, re.ASCII):
        raise ConfigError(f"plugin '{NAME}': {_AUDIT} {name!r} is not valid; use an organization, or enterprises/NAME.")
    return name


def _read(file: Path, variable: str, environment: Mapping[str, str], what: str) -> bytes | None:
    """Return the value of the environment's *variable*, or else the contents of *file*, if it exists."""
    return read_token(NAME, _named(file, variable, environment), variable, environment, what=what)


def _token(file: Path, environment: Mapping[str, str]) -> str | None:
    """Return the token; in its file it is the last line that is not a comment, as in Falco."""
    text = read_token(NAME, _named(file, TOKEN_VARIABLE, environment), TOKEN_VARIABLE, environment)
    if text is None:
        return None
    lines = [line.strip() for line in text.decode().splitlines()]
    token = next((line for line in reversed(lines) if line and not line.startswith("#")), "")
    if not token or not token.isascii() or not token.isprintable():
        raise SourceError(f"{NAME}: there is no token in {file} or {TOKEN_VARIABLE}; put one there, or remove it")
    return token


def _named(file: Path, variable: str, environment: Mapping[str, str]) -> str:
    return "" if variable in environment or not os.path.lexists(file) else str(file)
