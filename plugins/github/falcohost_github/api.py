"""Sends requests to GitHub's REST API with a token, and respects GitHub's rate limits.

GitHub's "Rate limits for the REST API" explains the headers and refusals.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.needs import CONNECT, THREADS, Needs
from falcohost.poll import Answer, HttpClient, HttpError, HttpLimits, PollError

#: Seconds without requests after a refusal that names no time (GitHub's secondary limits).
LIMITED = 60.0

#: The pattern of OWNER/NAME of a repository. Names come from outside and are put into addresses.
REPOSITORY = r"[\w-]+/(?!\.{1,2}(?:/|$))[\w.-]+"

_VERSION = "2022-11-28"


class RateLimited(PollError):
    """GitHub's rate limit is reached; no request may be sent for ``retry_after`` seconds."""


class RequestRefused(PollError):
    """GitHub has refused a request, and would refuse it again.

    :ivar status: HTTP status of the answer.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class GithubApi:
    """The API at *url*, for *plugin*, with *token*; may be used by several threads.

    :ivar has_token: whether there is a token; without one no request can be sent.
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

    @property
    def needs(self) -> Needs:
        """Return that it connects to the API, if there is a token, and reads no files later."""
        if not self.has_token:
            return Needs()
        return Needs(frozenset({CONNECT, THREADS}), connects=self._client.connects(self._url))

    def open(self) -> None:
        """Read and import what is needed.

        :raises SourceError: something is missing.
        """
        self._client.open()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, where: str, needs: str) -> Answer:
        """Return the answer for *where*, a path or an address of this API; *needs* names the token's permission for it.

        :raises RateLimited: GitHub's rate limit is reached.
        :raises RequestRefused: GitHub refuses the request.
        :raises PollError: there is no answer, or it cannot be read.
        """
        return self._ask("GET", where, needs, b"")

    def send(self, method: str, where: str, needs: str, body: Any) -> Answer:
        """Return the answer to *body*; raises the same errors as :meth:`get`."""
        return self._ask(method, where, needs, msgspec.json.encode(body))

    def pages(self, where: str, needs: str) -> Iterator[Answer]:
        """Yield the pages of a list that begins at *where*; raises the same errors as :meth:`get`."""
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
        return RequestRefused(f"{error}{mend}", answer.status)

    def _be_quiet(self, seconds: float) -> None:
        self._quiet_until = max(self._quiet_until, self._clock.monotonic() + seconds)


def _asks_for_quiet(answer: Answer) -> float | None:
    """Return for how many seconds a refusal asks to send nothing; None if it is about something else."""
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
        return "the token is wrong, was revoked or has expired; create a new one on GitHub"
    return None
