"""Authenticates to Okta: with an API token, or as a service app with a private key."""

from __future__ import annotations

import contextlib
from typing import Protocol

from falcohost import SourceError
from falcohost.poll import HttpClient, find_secret, read_secret
from falcohost_okta.config import NAME, Api
from falcohost_okta.service_app import PRIVATE_KEY, ServiceApp, no_key

#: The environment variable that may hold the token.
TOKEN = "FALCOHOST_OKTA_TOKEN"

_NO_TOKEN = (
    "okta: the API token is missing: set init_config.api_token_file, api_token or the environment variable "
    f"{TOKEN}, or client_id and private_key_file of a service app"
)


class Login(Protocol):
    """Authenticates requests."""

    def open(self) -> None:
        """Read secrets that only root may read.

        :raises SourceError: there is no secret.
        """

    def headers(self, client: HttpClient, url: str) -> dict[str, str]:
        """Return the headers that authenticate a request for *url*.

        :raises PollError: there is no access token at the moment.
        """

    def refused(self) -> bool:
        """React to a refusal; return whether another secret or token is available now."""


def check_secret(api: Api) -> None:
    """Check that there is a secret, or a file is named that may hold one by the time it is read.

    :raises SourceError: there is none.
    """
    file, variable = (api.private_key_file, PRIVATE_KEY) if api.client_id else (api.token_file, TOKEN)
    if not file and not find_secret(NAME, "the secret", given=api.token, file="", variable=variable)[0]:
        raise SourceError(no_key(api) if api.client_id else _NO_TOKEN)


def login_for(api: Api) -> Login:
    """Return the way to authenticate that *api* describes."""
    return ServiceApp(api) if api.client_id else ApiToken(api)


class ApiToken:
    """The API token of a user (SSWS)."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._token = ""

    def open(self) -> None:
        """Read the token."""
        self._token = self._read() or ""
        if not self._token:
            raise SourceError(_NO_TOKEN)

    def headers(self, client: HttpClient, url: str) -> dict[str, str]:
        """Return the header with the token."""
        return {"Authorization": f"SSWS {self._token}"}

    def refused(self) -> bool:
        """Read the token again, if possible; return whether it has changed."""
        before = self._token
        with contextlib.suppress(SourceError):
            self._token = self._read() or before
        return self._token != before

    def _read(self) -> str | None:
        api = self._api
        return read_secret(NAME, "the API token", given=api.token, file=api.token_file, variable=TOKEN)
