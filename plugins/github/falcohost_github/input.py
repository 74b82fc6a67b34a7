"""Combines webhooks, missed deliveries, fetched diffs and the audit log in one input.

The cursor is that of the webhooks, which concerns their answers, followed by the state for the next process: from when
on deliveries of each webhook have to be checked, the waiting pushes, and how far the audit log was read.
"""

from __future__ import annotations

import functools
import logging
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from operator import or_
from typing import Any

import msgspec

from falcohost import Plan
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Limits, Refusals, Refused, Texts, whole_record
from falcohost.needs import THREADS, Needs
from falcohost.poll import PollInput
from falcohost.web import WebhookInput
from falcohost_github.api import GithubApi
from falcohost_github.delivery import ORIGIN, extended
from falcohost_github.diffs import LOOKED_THROUGH, is_looked_through, look_through, wants
from falcohost_github.gaps import Gaps
from falcohost_github.hooks import Hooks
from falcohost_github.pushes import Pushes, unpacked
from falcohost_github.values import as_text
from falcohost_github.webhook import LIMITS

log = logging.getLogger("falcohost")

#: Seconds between two empty batches.
IDLE = 0.25

#: Number of pages of the audit log after which webhooks are handled again.
TOGETHER = 8


class _State(msgspec.Struct, omit_defaults=True):
    since: dict[str, int] = {}
    pushes: dict[str, str] = {}
    audit: str | None = None


class _Sender(msgspec.Struct):
    """The members that are read of each record."""

    webhook_type: str
    webhook_delivery: str
    webhook_hook: str
    repository: Any = None
    organization: Any = None


_sender = msgspec.json.Decoder(_Sender).decode


class GithubInput:
    """Reads what *web* receives, what *api* knows of it, and the *audit* log; each of them may be None.

    :param hooks: the webhooks that have to exist.
    :param tries: number of attempts to fetch the diff of a push.
    """

    def __init__(
        self,
        api: GithubApi,
        web: WebhookInput | None,
        hooks: Hooks | None,
        audit: PollInput | None,
        tries: int,
        clock: Clock = SYSTEM,
    ) -> None:
        self._clock = clock
        self._wanted = True
        self._web = web
        self._hooks = hooks
        self._audit = audit
        self._api = api
        self._tries = tries
        self._web_cursor = ""

    @property
    def limits(self) -> Limits:
        """The largest sizes of texts."""
        return LIMITS

    @property
    def done(self) -> float | None:
        """None: the input never ends."""
        return None

    @property
    def needs(self) -> Needs:
        """Return that threads make connections, if there is a token, and what webhooks and the audit log need."""
        own = Needs(frozenset({THREADS})) | self._api.needs
        return functools.reduce(or_, (part.needs for part in (self._web, self._audit) if part is not None), own)

    def plan(self, plan: Plan) -> None:
        """Fetch what the rules ask for from now on."""
        self._wanted = wants(plan)

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Bind the address, and restore the state.

        :raises SourceError: the address is not available, or a package is missing.
        """
        self._state = _read(cursor)
        self._pushes = Pushes(self._look, self._tries, refusals, self._state.pushes, clock=self._clock)
        self._gaps = Gaps(self._api, self._give, refusals, self._state.since, self._hooks)
        self._api.open()
        if self._web is not None:
            self._web.open(refusals, None)
        if self._audit is not None:
            self._audit.open(refusals, self._state.audit)

    def texts(self) -> Iterator[Texts]:
        """Yield records, and empty batches if there are none.

        :raises SourceError: one of the inputs has ended, which is a bug.
        """
        self._pushes.start()
        if self._web is not None and self._api.has_token:
            self._gaps.start()
        pages = None if self._audit is None else self._audit.texts()
        for texts in _idle() if self._web is None else self._web.texts():
            yield self._delivered(texts)
            if pages is not None:
                yield from self._logged(pages)

    def ack(self, cursor: str) -> None:
        """Answer the requests up to *cursor*."""
        if self._web is not None:
            self._web.ack(cursor.partition(" ")[0])

    def close(self) -> None:
        """Close everything; what waits is in the cursor."""
        self._gaps.close()
        self._pushes.close()
        for given in (self._web, self._audit):
            if given is not None:
                given.close()
        self._api.close()

    def _delivered(self, texts: Texts) -> Texts:
        """Return the records of *texts* that need not wait and those that no longer have to, with their cursor."""
        items = [item for item in texts.items if not self._waits(item[1])]
        items += [(0, text) for text in self._pushes.take()]
        self._web_cursor = texts.cursor or self._web_cursor
        if not items and not texts.items and self._state.since == self._gaps.since:
            return Texts(ORIGIN, [])
        self._state.since = self._gaps.since
        self._state.pushes = self._pushes.kept
        return Texts(ORIGIN, items, self._cursor())

    def _logged(self, pages: Iterator[Texts]) -> Iterator[Texts]:
        """Yield the pages that are available, but not so many that webhooks would have to wait."""
        for page in islice(pages, TOGETHER):
            if page.cursor is None:
                break
            self._state.audit = page.cursor
            yield Texts(page.origin, page.items, self._cursor())

    def _cursor(self) -> str:
        return f"{self._web_cursor} {msgspec.json.encode(self._state).decode()}"

    def _give(self, text: bytes, answer: Callable[[bool], None]) -> bool:
        return self._web is not None and self._web.give(text, answer)

    def _waits(self, text: bytes) -> bool:
        """Remember who sent *text*; return whether it has to wait for something."""
        try:
            sender = _sender(text)
            self._gaps.note(_hook(sender))
            if not self._wanted or not self._tries or sender.webhook_type not in LOOKED_THROUGH:
                return False
            if not is_looked_through(whole_record(text)):
                return False
        except (ValueError, RecursionError, Refused):
            return False  # an odd record, which the decoder of the log mends or refuses
        self._pushes.add(sender.webhook_delivery, text)
        return True

    def _look(self, text: bytes) -> bytes:
        return extended(text, look_through(self._api, whole_record(text)))


def _hook(sender: _Sender) -> str:
    """Return the API path of the webhook."""
    kind, _, ident = sender.webhook_hook.partition("/")
    if kind == "organization":
        return f"orgs/{_text(sender.organization, 'login')}/hooks/{ident}"
    return f"repos/{_text(sender.repository, 'full_name')}/hooks/{ident}"


def _text(value: Any, key: str) -> str:
    return as_text(value.get(key)) if isinstance(value, dict) else ""


def _idle() -> Iterator[Texts]:
    """Yield empty batches forever."""
    while True:
        time.sleep(IDLE)
        yield Texts(ORIGIN, [])


def _read(cursor: str | None) -> _State:
    _, _, text = (cursor or "").partition(" ")
    if not text:
        return _State()
    try:
        state = msgspec.json.decode(text, type=_State)
        state.pushes = {guid: text for guid, text in state.pushes.items() if unpacked(text)}
    except (ValueError, zlib.error):
        log.warning("github: the stored state cannot be read; reading starts anew")
        return _State()
    return state
