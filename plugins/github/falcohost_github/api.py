"""GitHub's REST API, asked with a token; GitHub is left alone for as long as it asks for that.

What its headers and refusals mean is in GitHub's "Rate limits for the REST API".
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.poll import Answer, HttpClient, HttpError, HttpLimits, PollError

#: Seconds for which GitHub is left alone after a refusal that names none (its secondary limits).
LIMITED = 60.0

#: The pattern of a repository's name with its owner's. It comes from outside and goes into addresses.
REPOSITORY = r"[\w-]+/(?!\.{1,2}(?:/|$))[\w.-]+"

_VERSION = "2022-11-28"


class RateLimited(PollError):
    """GitHub wants to be left alone for ``retry_after`` seconds."""


class Refused(PollError):
    """GitHub has answered that it will not, which it will answer again.

    :ivar status: of the answer.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class GithubApi:
    """The API at *url*, for the plugin *plugin*, with *token*; all its threads may ask.

    :ivar has_token: there is one; without it nothing can be asked.
    """

    def __init__(self, url: str, token: str | None, plugin: str, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.has_token = token is not None
        self._url = url.rstrip("/")
        self._headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": _VERSION,
        }
        self._client = HttpClient(plugin, explain=_explain, limits=HttpLimits(pause=20.0, body_time=60.0))
        self._quiet_until = 0.0

    def open(self) -> None:
        """Read and import what is needed.

        :raises SourceError: something is missing.
        """
        self._client.open()

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def get(self, where: str, needs: str) -> Answer:
        """Return what is at *where*, a path or an address of this API, for which the token *needs* a permission.

        :raises RateLimited: GitHub wants to be left alone.
        :raises Refused: it does not give it.
        :raises PollError: there is no answer, or none that can be read.
        """
        return self._ask("GET", where, needs, b"")

    def send(self, method: str, where: str, needs: str, body: Any) -> Answer:
        """Return what is answered to *body*; raises what :meth:`get` does."""
        return self._ask(method, where, needs, msgspec.json.encode(body))

    def pages(self, where: str, needs: str) -> Iterator[Answer]:
        """Yield the pages of a list that begins at *where*; raises what :meth:`get` does."""
        following: str | None = where
        while following is not None:
            answer = self.get(following, needs)
            yield answer
            following = answer.link("next")

    def _ask(self, method: str, where: str, needs: str, body: bytes) -> Answer:
        left = self._quiet_until - self._clock.monotonic()
        if left > 0:
            raise RateLimited("GitHub's rate limit is reached", retry_after=left)
        url = where if where.startswith(f"{self._url}/") else f"{self._url}/{where}"
        try:
            answer = self._client.request(method, url, self._headers, body or None)
        except HttpError as error:
            raise self._refusal(error, needs) from error
        if answer.headers.get("x-ratelimit-remaining") == "0":
            self._be_quiet(answer.seconds_until("x-ratelimit-reset") or 0.0)
        return answer

    def _refusal(self, error: HttpError, needs: str) -> PollError:
        answer = error.answer
        if (wait := _asks_for_quiet(answer)) is not None:
            self._be_quiet(wait)
            return RateLimited("GitHub's rate limit is reached", retry_after=wait)
        if not 400 <= answer.status < 500 or answer.status == HTTPStatus.REQUEST_TIMEOUT:
            return error
        mend = f"; the token needs {needs}" if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) else ""
        return Refused(f"{error}{mend}", answer.status)

    def _be_quiet(self, seconds: float) -> None:
        self._quiet_until = max(self._quiet_until, self._clock.monotonic() + seconds)


def _asks_for_quiet(answer: Answer) -> float | None:
    """Return for how many seconds an answer that refuses asks to be left alone; None: it is about something else."""
    if answer.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        return None
    if answer.retry_after is not None:
        return answer.retry_after
    if answer.headers.get("x-ratelimit-remaining") == "0":
        return answer.seconds_until("x-ratelimit-reset") or LIMITED
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or b"rate limit" in answer.body:
        return LIMITED
    return None


def _explain(answer: Answer) -> str | None:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return "the token is wrong, was revoked or has expired; make a new one on GitHub"
    return None
