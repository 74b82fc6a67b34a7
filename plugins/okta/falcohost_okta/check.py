"""Checks for ``falcohost doctor`` whether the source can read its files, or query Okta's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falcohost import ConfigError
from falcohost.jsonlog import files_check
from falcohost.poll import poll_problem
from falcohost_okta import config
from falcohost_okta.poller import LogPoller
from falcohost_okta.recall import Recall
from falcohost_okta.source import make

_ASKED = "Okta's API can be queried"


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield each check with its problem, or None if it passed; nothing if the plugin has no settings."""
    if not settings:
        return
    try:
        own = config.parse(settings)
    except ConfigError as error:
        yield "its configuration can be read", str(error)
        return
    if own.api is None:
        yield from files_check(make)(settings)
    else:
        yield _ASKED, poll_problem(LogPoller(own.api, Recall(0, lambda who, ts: None)))
