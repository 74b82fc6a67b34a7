"""Refusals at the second factor from before the log is read on, so that a restart forgets none of them.

Asked of the API once in a life, by its own filter, which costs a request. Keeping them with the cursor would cost as
much as the alerts themselves: there may be thousands.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from falcohost.jsonlog import Refused, parse_time, whole_record
from falcohost.poll import Answer, HttpError, PollError, Unreadable, array_items
from falcohost_okta import mfa
from falcohost_okta.config import SECOND
from falcohost_okta.position import LIMIT, asking, path_of, stamp

log = logging.getLogger("falcohost")

#: Pages that are read at most, the latest first.
PAGES = 10

#: How often a page that cannot be read is asked for.
TRIES = 3

_NOT_UNDERSTOOD = 400

FILTER = f'eventType eq "{mfa.DENIED}" or (eventType eq "{mfa.BY_MFA}" and outcome.result eq "FAILURE")'

#: A refusal: who, as :func:`falcohost_okta.mfa.attempt` says it, and when.
Refusal = tuple[tuple[str, str], int]


class Recall:
    """Has *note* take note, once, of the refusals of the last *seconds*, in order."""

    def __init__(self, seconds: int, note: Callable[[tuple[str, str], int], None]) -> None:
        self._seconds = seconds
        self._note = note
        self._tries = TRIES
        self._is_done = False

    def before(self, until: int, ask: Callable[[str], Answer]) -> None:
        """Take note of those before *until* (nanoseconds since the epoch), if that was not done yet.

        :raises PollError: they cannot be had now.
        """
        if self._is_done:
            return
        try:
            found = list(self._pages(until, ask))
        except (HttpError, Unreadable) as error:
            # Of what keeps the log itself from being read, it is for the log to speak.
            self._tries -= isinstance(error, Unreadable)
            if self._tries and error.answer.status != _NOT_UNDERSTOOD:
                raise PollError(str(error), retry_after=error.retry_after) from error
            log.warning("okta.mfa.*.countlast begin at 0, since earlier events cannot be had: %s", error)
            found = []
        self._is_done = True
        for who, ts in reversed(found):
            self._note(who, ts)

    def _pages(self, until: int, ask: Callable[[str], Answer]) -> Iterator[Refusal]:
        path = asking(
            since=stamp(until - self._seconds * SECOND),
            until=stamp(until + SECOND),  # that one may come again does no harm
            filter=FILTER,
            sortOrder="DESCENDING",
            limit=str(LIMIT),
        )
        for _ in range(PAGES):
            answer = ask(path)
            try:
                items = array_items(answer.body)
            except Refused:
                return
            for item in items:
                yield from _refusal(item)
            path = path_of(answer.link("next"))
            if not (items and path):
                return


def _refusal(item: bytes) -> Iterator[Refusal]:
    """Yield what *item* says, if it is a refusal."""
    try:
        record = whole_record(item)
    except Refused:
        return
    who, ts = mfa.attempt(record), parse_time(record.get("published"))
    if who is not None and ts is not None:
        yield who, ts
