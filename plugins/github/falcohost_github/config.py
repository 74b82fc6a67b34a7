"""Settings of the source ``github``, parsed once: those of Falco's plugin ``github``, and some of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

KEYS = (*_FALCOS_OWN, "websocketServerURL", "useHTTPs", _SECRETS, OPEN, FOLLOW, JSON)

#: Files of the folder with the secrets, and the environment variables that count first.
SECRET, SECRET_VARIABLE = "webhook.secret", "FALCOHOST_GITHUB_WEBHOOK_SECRET"


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar where: what is opened: files, or an address.
    :ivar follow: what is added to files is read as it comes.
    :ivar secrets: the folder with secrets, certificate and key.
    :ivar secret: with which webhooks are signed.
    :ivar open_to_all: they need not be.
    """

    where: str | list[str]
    follow: bool
    secrets: Path
    secret: bytes | None = field(default=None, repr=False)
    open_to_all: bool = False


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
    )


def _read(file: Path, variable: str, environment: Mapping[str, str], what: str) -> bytes | None:
    """Return what the environment's *variable* holds, or else the *file*, if there is one."""
    named = "" if variable in environment or not os.path.lexists(file) else str(file)
    return read_token(NAME, named, variable, environment, what=what)
