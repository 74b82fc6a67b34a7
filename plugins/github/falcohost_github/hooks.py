"""Finds the webhooks of the repositories in Falco's ``open_params`` by their address, or creates them.

They are not removed when the agent ends, so that GitHub keeps what they could not deliver.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from falcohost_github.api import GithubApi, RequestRefused

log = logging.getLogger("falcohost")

#: The permissions that a token needs to find webhooks, and to create them.
READ = "the permission 'Webhooks: read' (classic: the scope read:repo_hook) for this repository"
WRITE = "the permission 'Webhooks: write' (classic: the scope admin:repo_hook) for this repository"

#: ``open_params`` for all repositories that the token's user administers.
ALL = "*"


class Webhook(msgspec.Struct):
    """A webhook of a repository."""

    id: int
    active: bool = True
    config: dict[str, Any] = {}


class _Repository(msgspec.Struct):
    full_name: str
    archived: bool = False
    permissions: dict[str, bool] = {}


_webhooks = msgspec.json.Decoder(list[Webhook]).decode
_webhook = msgspec.json.Decoder(Webhook).decode
_repositories = msgspec.json.Decoder(list[_Repository]).decode


def derived_secret(token: str, url: str) -> bytes:
    """Return the secret of webhooks for which none is set: always the same for a token and an address."""
    return hmac.new(token.encode(), f"falcohost webhook {url}".encode(), hashlib.sha256).hexdigest().encode()


def all_repositories(api: GithubApi) -> list[str]:
    """Return the repositories that the token's user administers, without archived ones.

    :raises PollError: they cannot be fetched.
    """
    pages = api.pages("user/repos?per_page=100", "the permission 'Metadata: read' (classic: the scope repo)")
    found = (repository for page in pages for repository in _repositories(page.body))
    return [one.full_name for one in found if one.permissions.get("admin") and not one.archived]


def find(api: GithubApi, repository: str, url: str) -> Webhook | None:
    """Return the webhook of *repository* that calls *url*, or None.

    :raises PollError: it cannot be fetched.
    """
    return next((hook for hook in _hooks(api, repository) if hook.config.get("url") == url), None)


def _hooks(api: GithubApi, repository: str) -> Iterator[Webhook]:
    for page in api.pages(f"repos/{repository}/hooks?per_page=100", READ):
        yield from _webhooks(page.body)


class Hooks:
    """Makes sure that each of *repositories* has a webhook that calls *url*.

    :param secret: the secret that the webhooks sign with.
    :param is_derived: the secret was not set by anybody, so existing webhooks have to be given it.
    """

    def __init__(
        self, api: GithubApi, repositories: Sequence[str], url: str, secret: bytes, *, is_derived: bool
    ) -> None:
        self._api = api
        self._left = list(repositories)
        self._url = url
        self._config = {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret.decode()}
        self._is_derived = is_derived

    def see_to(self, note: Callable[[str], None]) -> None:
        """Find or create the webhooks that are not known yet; pass the API path of each to *note*.

        :raises PollError: a webhook does not exist and cannot be created now.
        """
        if self._left == [ALL]:
            self._left = all_repositories(self._api)
        failure: RequestRefused | None = None
        for repository in list(self._left):
            try:
                note(f"repos/{repository}/hooks/{self._webhook(repository)}")
            except RequestRefused as refused:
                failure = RequestRefused(f"the webhook of {repository}: {refused}", refused.status)
            else:
                self._left.remove(repository)
        if failure is not None:
            raise failure

    def _webhook(self, repository: str) -> int:
        """Return the id of the webhook of *repository*."""
        found = find(self._api, repository, self._url)
        if found is None:
            body = {"name": "web", "active": True, "events": ["*"], "config": self._config}
            found = _webhook(self._api.send("POST", f"repos/{repository}/hooks", WRITE, body).body)
            log.info("github: created the webhook of %s", repository)
        elif self._is_derived:
            self._api.send("PATCH", f"repos/{repository}/hooks/{found.id}/config", WRITE, self._config)
        return found.id
