"""Parses the settings of the source ``okta``: those of Falco's plugin ``okta``, and some of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from falcohost import ConfigError
from falcohost.jsonlog import FOLLOW, parse_time
from falcohost.settings import Settings

NAME = "okta"

#: The scope that a service app needs.
SCOPE = "okta.logs.read"

SECOND = 1_000_000_000

#: Keys of Falco's ``init_config``; ``useAsync`` concerns how Falco calls its plugin and has no effect here.
KEYS = ("api_token", "organization", "cache_expiration", "cache_usermaxsize", "refresh_interval", "useAsync")

#: Keys that Falco's plugin does not have.
OWN_KEYS = (
    *("url", "since", "overlap", "api_token_file", "client_id", "private_key_file", "key_id", "ca_file"),
    *("server_filter", FOLLOW),
)

#: Falco's plugin ``json``, which this plugin replaces too; its block may be present.
JSON = "json"

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MEMBERS = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """How to query Okta's API.

    :ivar url: its address, without a slash at the end.
    :ivar token: an API token from the configuration; never shown, not even by ``repr``.
    :ivar client_id: the OAuth 2.0 service app whose private key is in *private_key_file*; empty: the token is used.
    :ivar key_id: the id of the app's key; empty: its only key.
    :ivar since: where to begin, in nanoseconds since the epoch; None: *ago* seconds before the server's time.
    :ivar refresh: seconds between two requests while there are no new events.
    :ivar server_filter: request only the event types that rules can match.
    :ivar overlap: number of seconds that are read again if the link to the next page is lost.
    """

    url: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    client_id: str = ""
    private_key_file: str = ""
    key_id: str = ""
    since: int | None = None
    ago: int = 0
    refresh: int = 10
    overlap: int = 300
    ca: Path | None = None
    server_filter: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the source.

    :ivar path: files or folders to read.
    :ivar api: how to query the API; None: files are read.
    :ivar organization: the value of okta.org.
    :ivar attempts_per_actor: number of failures at the second factor that are remembered of each actor.
    :ivar expiration: seconds without a failure after which those of an actor are forgotten.
    :ivar follow: lines that are appended to the files are read as they come.
    """

    path: str | list[str]
    api: Api | None = None
    organization: str = ""
    attempts_per_actor: int = 200
    expiration: int = 84_600
    follow: bool = False


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the configuration in *settings*; unknown keys cause a warning.

    :raises ConfigError: a value is not valid.
    """
    values = Settings(NAME, settings, (*KEYS, *OWN_KEYS, JSON))
    path = values.open_params()
    is_api = not (path.strip() if isinstance(path, str) else path)
    return Config(
        path=path,
        api=_api(values) if is_api else None,
        organization=values.text("organization"),
        attempts_per_actor=values.whole_number("cache_usermaxsize", 200, at_least=1),
        expiration=values.whole_number("cache_expiration", 84_600, at_least=1),
        follow=values.truth(FOLLOW),
    )


def _api(values: Settings) -> Api:
    since, ago = _since(values.text("since"))
    client_id, key_file = values.text("client_id"), values.text("private_key_file")
    if key_file and not client_id:
        raise ConfigError("plugin 'okta': private_key_file needs client_id; set that to the id of the service app.")
    ca = values.text("ca_file")
    return Api(
        url=_url(values.text("url"), values.text("organization")),
        token=values.text("api_token"),
        token_file=values.text("api_token_file"),
        client_id=client_id,
        private_key_file=key_file,
        key_id=values.text("key_id"),
        since=since,
        ago=ago,
        refresh=values.whole_number("refresh_interval", 10, at_least=1),
        overlap=values.whole_number("overlap", 300),
        ca=Path(ca) if ca else None,
        server_filter=values.truth("server_filter"),
    )


def _url(url: str, organization: str) -> str:
    """Return the address of the API.

    :raises ConfigError: no address is set, or the secret would be sent in clear text.
    """
    if not url:
        if not organization:
            raise ConfigError(
                "plugin 'okta': neither open_params nor organization is set; set organization to the name of your Okta "
                "organization ('example' for https://example.okta.com), or open_params to files."
            )
        if not _MEMBERS.fullmatch(organization):
            raise ConfigError(
                f"plugin 'okta': organization '{organization}' is not a plain name, such as 'example' for "
                "https://example.okta.com; set url instead if the address does not end in okta.com."
            )
        return f"https://{organization}.okta.com"
    address = urlsplit(url)
    if address.hostname and address.scheme == "http" and address.hostname not in _LOOPBACK:
        raise ConfigError(f"plugin 'okta': url {url} would send the secret in clear text; use https://.")
    if address.scheme not in ("https", "http") or not address.hostname or address.path.strip("/") or address.query:
        raise ConfigError(f"plugin 'okta': url '{url}' is not valid; use the form https://example.oktapreview.com.")
    return f"{address.scheme}://{address.netloc}"


def _since(text: str) -> tuple[int | None, int]:
    """Return the time in *text*, or how many seconds ago it is.

    :raises ConfigError: *text* is neither.
    """
    text = text.strip()
    if not text:
        return None, 0
    if text[-1] in _UNITS and text[:-1].isascii() and text[:-1].isdecimal():
        return None, int(text[:-1]) * _UNITS[text[-1]]
    ts = parse_time(text)
    if ts is None:
        raise ConfigError(f"plugin 'okta': since '{text}' is neither a time (2026-03-01T00:00:00Z) nor an age (24h).")
    return ts, 0
