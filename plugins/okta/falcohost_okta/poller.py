"""Polls Okta's System Log page by page: along the server's links, or by time where there is no link.

All times are the server's, from its events and answers; this machine's clock is not used.
"""

from __future__ import annotations

import logging

from msgspec.structs import replace

from falcohost import Plan
from falcohost.jsonlog import Refusals, Refused
from falcohost.needs import CONNECT, Needs
from falcohost.poll import Answer, HttpClient, HttpError, Page, Seen, Unreadable, array_items, texts_of
from falcohost_okta.config import NAME, SECOND, Api
from falcohost_okta.ids import uuid_and_time
from falcohost_okta.login import login_for
from falcohost_okta.position import Position, asking, page_since, path_of, read_position, stamp
from falcohost_okta.recall import Recall
from falcohost_okta.refusals import explainer
from falcohost_okta.wanted import filter_of

log = logging.getLogger("falcohost")

#: HTTP statuses with which a server answers the link of a page that it no longer knows.
_FORGOTTEN = (400, 404, 410)

#: How often an unreadable page is requested before it is skipped.
TRIES = 3

#: Seconds until the next request after a page that was not full.
SOON = 2.0

#: Share of the organization's rate limit that is left to other programs.
_LEFT = 0.1

#: Longest time to wait for a rate limit, in seconds.
_MOST = 3600.0

_REMAINING, _LIMIT, _RESET = "x-rate-limit-remaining", "x-rate-limit-limit", "x-rate-limit-reset"


class LogPoller:
    """Fetches pages of the log of *api*; *recall* fetches what has to be known of earlier events."""

    def __init__(self, api: Api, recall: Recall) -> None:
        self._api = api
        self._recall = recall
        self._login = login_for(api)
        self._client = HttpClient(NAME, ca=api.ca, explain=explainer(api))
        self._refusals = Refusals()
        self._wanted = ""
        self._spoilt = 0
        self._largest = 1  # largest page so far, in events; the server may return fewer than requested

    @property
    def needs(self) -> Needs:
        """Return that it connects to the organization, and reads no files later."""
        return Needs(frozenset({CONNECT}), connects=self._client.connects(self._api.url))

    def open(self, refusals: Refusals) -> None:
        """Read secrets and certificates.

        :raises SourceError: one of them or a package is missing.
        """
        self._refusals = refusals
        self._client.open()
        self._login.open()

    def plan(self, plan: Plan) -> None:
        """From the next page on, request only what *plan* asks for, if the server is to filter."""
        if self._api.server_filter:
            self._wanted = filter_of(plan)

    def fetch(self, cursor: str | None) -> Page:
        """Return the page at *cursor*.

        :raises PollError: it is not available now.
        """
        position = read_position(cursor, self._api.url)
        if position is None:
            return self._first()
        try:
            self._recall.before(position.since + self._overlap, self._ask)
            wanted = self._wanted
            page = self._read(position, self._answer(position, wanted), wanted)
        except Unreadable as error:
            return self._behind(position, error)
        self._spoilt = 0
        return page

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    @property
    def _overlap(self) -> int:
        return self._api.overlap * SECOND

    def _first(self) -> Page:
        """Return no event, but the position to begin at. The request shows the server's time, and if we have access."""
        answer = self._ask(asking(sortOrder="DESCENDING", limit="1"))
        since = self._api.since
        if since is None:
            since = int(answer.date - self._api.ago) * SECOND
        log.info("okta: reading events from %s on", stamp(since))
        return Page([], Position(self._api.url, since).text(), 0.0)

    def _answer(self, position: Position, wanted: str) -> Answer:
        """Return the page at *position*: by its link, or by its time if the filter has changed or the link is lost."""
        if position.filter != wanted:
            # New rules are no reason to read again what the old ones filtered out days ago.
            return self._ask(page_since(max(position.since, position.read - self._overlap), wanted))
        if position.next:
            try:
                return self._ask(position.next)
            except HttpError as error:
                if error.answer.status not in _FORGOTTEN:
                    raise
        answer = self._ask(page_since(position.since, wanted))
        if position.next:
            since = stamp(position.since)
            log.warning("okta: the server no longer knows the last position; reading continues from %s on", since)
        return answer

    def _ask(self, path: str) -> Answer:
        try:
            return self._get(path)
        except HttpError as error:
            if error.answer.status == 429 and error.retry_after is None:
                error.retry_after = error.answer.seconds_until(_RESET)
            if error.answer.status != 401 or not self._login.refused():
                raise
        return self._get(path)

    def _get(self, path: str) -> Answer:
        url = self._api.url + path
        return self._client.get(url, self._login.headers(self._client, url))

    def _read(self, position: Position, answer: Answer, wanted: str) -> Page:
        try:
            items = array_items(answer.body)
        except Refused as refused:
            raise Unreadable(self._api.url, answer, str(refused)) from None
        seen, since = Seen(position.seen), position.since
        now = int(answer.date + 1) * SECOND  # the server's time is in whole seconds
        new = []
        for item in items:
            uuid, published = uuid_and_time(item)
            if uuid is None or seen.is_new(uuid):
                new.append(item)
            if published is not None:
                since = max(since, min(published, now) - self._overlap)
        link = path_of(answer.link("next"))
        # A page with nothing new and no new link could come again forever.
        is_further = bool(new) or link not in ("", position.next)
        read = position.read if items else now
        following = Position(self._api.url, since, link, wanted, read, seen.marks)
        return Page(texts_of(new), following.text(), self._wait(answer, len(items) if is_further else 0))

    def _behind(self, position: Position, error: Unreadable) -> Page:
        """Return no event, but the position after a page that could not be read several times.

        :raises PollError: that position is not known, or the page has not been tried often enough.
        """
        self._spoilt += 1
        link = path_of(error.answer.link("next"))
        if self._spoilt < TRIES or link in ("", position.next):
            raise error
        self._spoilt = 0
        self._refusals.add(error.cause, f"a page of {self._api.url}")
        return Page([], replace(position, next=link).text(), self._wait(error.answer, 0))

    def _wait(self, answer: Answer, count: int) -> float:
        """Return how many seconds to wait after a page of *count* events."""
        refresh = float(self._api.refresh)
        wait = refresh if not count else 0.0 if count >= self._largest else min(refresh, SOON)
        self._largest = max(self._largest, count)
        remaining, limit = answer.number(_REMAINING), answer.number(_LIMIT)
        if remaining is not None and remaining <= _LEFT * (limit or 0):
            wait = max(wait, min(answer.seconds_until(_RESET) or 0.0, _MOST))
        return wait
