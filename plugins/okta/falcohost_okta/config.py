"""Settings of the source ``okta``, parsed once: those of Falco's plugin ``okta``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcohost.jsonlog import FOLLOW
from falcohost.plugin_settings import Settings

#: Keys of Falco's ``init_config``. ``api_token`` and ``refresh_interval`` are about Okta's API, and ``useAsync`` about
#: how Falco calls its plugin; reading files needs none of those.
KEYS = ("api_token", "organization", "cache_expiration", "cache_usermaxsize", "refresh_interval", "useAsync")

#: Falco's plugin ``json``, whose block comes along because this plugin stands in for it too.
JSON = "json"


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar path: file or folder that is read.
    :ivar organization: what okta.org says.
    :ivar attempts_per_actor: how many refusals at the second factor are remembered of each actor.
    :ivar expiration: seconds without a refusal after which an actor's are forgotten.
    :ivar follow: what is added to the files is read as it comes.
    """

    path: str | list[str]
    organization: str = ""
    attempts_per_actor: int = 200
    expiration: int = 84_600
    follow: bool = False


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the settings in *settings*; a key that is unknown is warned of.

    :raises ConfigError: a value cannot be.
    """
    values = Settings("okta", settings, (*KEYS, JSON, FOLLOW))
    return Config(
        path=values.open_params(),
        organization=values.text("organization"),
        attempts_per_actor=values.whole_number("cache_usermaxsize", 200, at_least=1),
        expiration=values.whole_number("cache_expiration", 84_600, at_least=1),
        follow=values.truth(FOLLOW),
    )
