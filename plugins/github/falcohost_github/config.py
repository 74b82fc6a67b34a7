"""Settings of the source ``github``, parsed once: those of Falco's plugin ``github``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcohost.jsonlog import FOLLOW
from falcohost.plugin_settings import Settings

#: Keys of Falco's ``init_config``. They are about the webhook and GitHub's API, and about how Falco calls its plugin;
#: reading files needs none of them.
KEYS = ("token", "websocketServerURL", "secretsDir", "useHTTPs", "useAsync")

#: Falco's plugin ``json``, whose block comes along because this plugin stands in for it too.
JSON = "json"


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar path: file or folder that is read.
    :ivar follow: what is added there is read as it comes.
    """

    path: str | list[str]
    follow: bool = False


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the settings in *settings*; a key that is unknown is warned of.

    :raises ConfigError: a value cannot be.
    """
    values = Settings("github", settings, (*KEYS, JSON, FOLLOW))
    return Config(values.open_params(), values.truth(FOLLOW))
