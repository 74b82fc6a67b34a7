"""Fetches missed deliveries: nobody listened, or the answer was not 2xx or came too late.

GitHub does not send them again by itself. It keeps them for some days and lists them for each webhook; those without a
successful attempt since the last look are fetched.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

import msgspec

from falcohost.jsonlog import Refusals, parse_time
from falcohost.poll import PollError
from falcohost_github import delivery
from falcohost_github.api import REPOSITORY, GithubApi, RateLimited, RequestRefused
from falcohost_github.hooks import Hooks

log = logging.getLogger("falcohost")

#: The permission that a token needs to read a webhook's deliveries.
HOOKS = "the permission 'Webhooks: read' (classic: the scope read:repo_hook or admin:org_hook) where the webhook is"

#: Seconds between two looks at all webhooks, and the least for each webhook; GitHub allows 5,000 requests per hour.
EVERY, EACH = 60.0, 2.0

#: Number of seconds that are looked at again: clocks differ, and a delivery is listed after its answer.
OVERLAP = 600

#: Seconds that the store has to store a delivery.
STORED = 30.0

#: Largest number of webhooks that are watched.
MOST = 1000

#: The cause under which deliveries are counted that GitHub has listed but no longer has.
GONE = "delivery that GitHub no longer has"

_SECOND = 1_000_000_000
_HOOK = re.compile(rf"(?:repos/{REPOSITORY}|orgs/[\w-]+)/hooks/\d+", re.ASCII)

#: Takes a record and calls back once with whether its alerts are stored; returns False if there is no room for it.
Give = Callable[[bytes, Callable[[bool], None]], bool]


class _Entry(msgspec.Struct):
    id: int
    guid: str
    delivered_at: str
    status_code: int
    event: str


class _Request(msgspec.Struct):
    payload: msgspec.Raw


class _Delivery(msgspec.Struct):
    request: _Request


_entries = msgspec.json.Decoder(list[_Entry]).decode
_delivery = msgspec.json.Decoder(_Delivery).decode


@dataclass(slots=True)
class _Listed:
    """GitHub's list of a webhook's deliveries since a time; *missed* are the last failed attempts, the newest first."""

    newest: int = 0
    arrived: set[str] = field(default_factory=set)
    missed: dict[str, _Entry] = field(default_factory=dict)


class Gaps:
    """Watches webhooks for missed deliveries; *since* gives the start for each, in seconds since the epoch.

    :param hooks: the webhooks that have to exist; None: those that have sent something.
    """

    def __init__(
        self, api: GithubApi, give: Give, refusals: Refusals, since: Mapping[str, int], hooks: Hooks | None = None
    ) -> None:
        self._api = api
        self._hooks = hooks
        self._give = give
        self._refusals = refusals
        self._since = {hook: time for hook, time in since.items() if _HOOK.fullmatch(hook)}
        self._stored: dict[str, int] = {}
        self._told: dict[str, str] = {}
        self._closed = threading.Event()

    @property
    def since(self) -> dict[str, int]:
        """The start for each webhook, for the next process."""
        return dict(self._since)

    def note(self, hook: str) -> None:
        """Watch the webhook *hook* from now on: ``repos/OWNER/NAME/hooks/ID`` or ``orgs/NAME/hooks/ID``."""
        if hook not in self._since and _HOOK.fullmatch(hook) and len(self._since) < MOST:
            self._since[hook] = int(time.time())

    def start(self) -> None:
        """Start to watch."""
        threading.Thread(target=self._run, name="github deliveries", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def _run(self) -> None:
        wait = 0.0
        while not self._closed.wait(wait):
            wait = EVERY
            if self._hooks is not None:
                wait = max(wait, self._try("the webhooks", partial(self._hooks.see_to, self.note)))
            wait = max(wait, EACH * len(self._since))
            for hook in list(self._since):
                wait = max(wait, self._try(f"missed deliveries of {hook}", partial(self.fill, hook)))

    def _try(self, what: str, do: Callable[[], None]) -> float:
        """Call *do*; return the number of seconds that GitHub asks to wait."""
        try:
            do()
        except RateLimited as limited:
            return limited.retry_after or 0.0
        except Exception as error:
            why = str(error) if isinstance(error, PollError) else f"{type(error).__name__}: {error}"
            if self._told.get(what) != why:
                self._told[what] = why
                log.warning("github: checking %s failed: %s; it is tried again every minute", what, why)
        else:
            self._told.pop(what, None)
        return 0.0

    def fill(self, hook: str) -> None:
        """Pass on the deliveries that *hook* has missed.

        :raises PollError: something could not be fetched or stored; that is fetched the next time.
        """
        since = self._since[hook] - OVERLAP
        listed = self._listed(hook, since)
        for guid, entry in reversed(listed.missed.items()):
            if guid not in listed.arrived and guid not in self._stored:
                self._fetch(hook, entry)
        self._stored = {guid: time for guid, time in self._stored.items() if time >= since}
        self._since[hook] = max(self._since[hook], listed.newest)

    def _listed(self, hook: str, since: int) -> _Listed:
        listed = _Listed()
        for page in self._api.pages(f"{hook}/deliveries?per_page=100", HOOKS):
            for entry in _entries(page.body):
                seconds = _seconds(entry)
                if seconds < since:
                    return listed
                listed.newest = max(listed.newest, seconds)
                if 200 <= entry.status_code < 300:
                    listed.arrived.add(entry.guid)
                else:
                    listed.missed.setdefault(entry.guid, entry)
        return listed

    def _fetch(self, hook: str, entry: _Entry) -> None:
        try:
            answer = self._api.get(f"{hook}/deliveries/{entry.id}", HOOKS)
        except RequestRefused as refused:
            if refused.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise
            self._refusals.add(GONE, f"delivery {entry.guid}")
        else:
            payload = bytes(_delivery(answer.body).request.payload)
            kind = "organization" if hook.startswith("orgs/") else "repository"
            self._store(delivery.record(payload, entry.event, entry.guid, f"{kind}/{hook.rpartition('/')[2]}"))
        self._stored[entry.guid] = _seconds(entry)

    def _store(self, record: bytes) -> None:
        answered = threading.Event()
        stored: list[bool] = []

        def answer(is_stored: bool) -> None:
            stored.append(is_stored)
            answered.set()

        if not self._give(record, answer) or not answered.wait(STORED) or not stored[0]:
            raise PollError("a fetched delivery is not stored yet")


def _seconds(entry: _Entry) -> int:
    return (parse_time(entry.delivered_at) or 0) // _SECOND
