"""An action: locks the account of the user whom an alert is about, over the HTTP API of an identity provider.

In the configuration::

    load_plugins: [lockout]
    actions:
      define:
        lock: {type: lockout, url: "https://idp.example/api", spared: [admin@example.org]}
      bind:
        - {tags: [account-takeover], actions: [lock]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from falcohost import Alert, UserSubject, hookimpl
from falcohost.action import ActionError, ActionSpec

falcohost_api = 1

#: Seconds that the provider may take.
_PATIENCE = 5.0


class Lockout:
    """Locks accounts at *url*, but not those of the users who are *spared*."""

    def __init__(self, url: str, spared: Iterable[str] = ()) -> None:
        self._url = url.rstrip("/")
        self._spared = frozenset(spared)

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> Lockout:
        """Return the action as *settings* say.

        :raises ActionError: they do not say where the provider is.
        """
        url = settings.get("url")
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise ActionError("lockout: url has to be that of the identity provider, with https or http")
        return cls(url, map(str, settings.get("spared") or ()))

    def act(self, alert: Alert) -> str:
        """Lock the account of the first user whom *alert* is about."""
        user = next((one for one in alert.subjects if isinstance(one, UserSubject)), None)
        if user is None:
            raise ActionError("the alert is about no user")
        if user.name in self._spared:
            raise ActionError(f"{user.name} is spared")
        request = Request(f"{self._url}/users/{quote(user.name, safe='')}/lock", data=alert.id.encode(), method="POST")
        try:
            with urlopen(request, timeout=_PATIENCE):
                return f"has locked {user.name}"
        except (URLError, TimeoutError) as error:
            raise ActionError(f"{user.name} is not locked: {error}") from error

    def close(self) -> None:
        """Do nothing: there is nothing open."""


def _address(settings: Mapping[str, Any]) -> Iterable[str]:
    parts = urlsplit(str(settings["url"]))
    return [f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"]


@hookimpl
def falcohost_actions() -> list[ActionSpec]:
    """Offer the action."""
    return [
        ActionSpec(
            name="lockout",
            description="Locks the account of the user whom an alert is about.",
            make=Lockout.from_config,
            connects=_address,
        )
    ]
