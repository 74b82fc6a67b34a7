"""What Okta is shown: an API token, or what a service app gets for its private key."""

from __future__ import annotations

import contextlib
from typing import Protocol

from falcohost import SourceError
from falcohost.poll import HttpClient, read_secret
from falcohost_okta.config import NAME, Api
from falcohost_okta.service_app import ServiceApp

#: The environment variable that may hold the token.
TOKEN = "FALCOHOST_OKTA_TOKEN"


class Login(Protocol):
    """Says who asks."""

    def open(self) -> None:
        """Read what only root may read.

        :raises SourceError: there is nothing to show.
        """

    def headers(self, client: HttpClient, url: str) -> dict[str, str]:
        """Return the headers to show where *url* is asked for.

        :raises PollError: it cannot be had now.
        """

    def refused(self) -> bool:
        """Take note that it was not accepted; return whether there is another one to show."""


def login_for(api: Api) -> Login:
    """Return what is shown to the API that *api* describes."""
    return ServiceApp(api) if api.client_id else ApiToken(api)


class ApiToken:
    """The token of a user (SSWS)."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._token = ""

    def open(self) -> None:
        """Read the token."""
        self._token = self._read() or ""
        if not self._token:
            raise SourceError(
                "okta: the API token is missing: set init_config.api_token_file, api_token or the environment variable "
                f"{TOKEN}, or client_id and private_key_file of a service app"
            )

    def headers(self, client: HttpClient, url: str) -> dict[str, str]:
        """Return the header that shows the token."""
        return {"Authorization": f"SSWS {self._token}"}

    def refused(self) -> bool:
        """Look whether the file has another token by now, if it can still be read."""
        before = self._token
        with contextlib.suppress(SourceError):
            self._token = self._read() or before
        return self._token != before

    def _read(self) -> str | None:
        api = self._api
        return read_secret(NAME, "the API token", given=api.token, file=api.token_file, variable=TOKEN)
