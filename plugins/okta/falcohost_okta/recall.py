"""Fetches failures at the second factor from before the position in the log, so that a restart forgets none.

They are requested once per process with a filter of their own, which costs a request. Storing them with the cursor
would cost as much as storing the alerts: there may be thousands.
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

#: Largest number of pages that are read, the latest first.
PAGES = 10

#: How often an unreadable page is requested.
TRIES = 3

_NOT_UNDERSTOOD = 400

FILTER = f'eventType eq "{mfa.DENIED}" or (eventType eq "{mfa.BY_MFA}" and outcome.result eq "FAILURE")'

#: A failure: who (a result of :func:`falcohost_okta.mfa.attempt`), and when.
Refusal = tuple[tuple[str, str], int]


class Recall:
    """Passes the failures of the last *seconds* to *note*, once, in order of time."""

    def __init__(self, seconds: int, note: Callable[[tuple[str, str], int], None]) -> None:
        self._seconds = seconds
        self._note = note
        self._tries = TRIES
        self._is_done = False

    def before(self, until: int, ask: Callable[[str], Answer]) -> None:
        """Fetch the failures before *until* (nanoseconds since the epoch), unless that was done.

        :raises PollError: they are not available now.
        """
        if self._is_done:
            return
        try:
            found = list(self._pages(until, ask))
        except (HttpError, Unreadable) as error:
            # A problem that also keeps the log from being read is reported there.
            self._tries -= isinstance(error, Unreadable)
            if self._tries and error.answer.status != _NOT_UNDERSTOOD:
                raise PollError(str(error), retry_after=error.retry_after) from error
            log.warning("okta: okta.mfa.*.countlast start at 0, since earlier events are not available: %s", error)
            found = []
        self._is_done = True
        for who, ts in reversed(found):
            self._note(who, ts)

    def _pages(self, until: int, ask: Callable[[str], Answer]) -> Iterator[Refusal]:
        path = asking(
            since=stamp(until - self._seconds * SECOND),
            until=stamp(until + SECOND),  # reading a failure twice does no harm
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
    """Yield the failure in *item*, if it is one."""
    try:
        record = whole_record(item)
    except Refused:
        return
    who, ts = mfa.attempt(record), parse_time(record.get("published"))
    if who is not None and ts is not None:
        yield who, ts
