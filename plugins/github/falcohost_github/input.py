"""Webhooks with GitHub's API beside them: what arrives, what did not, and what is looked up before it is matched.

The cursor is that of the webhooks, which is about their answers, and behind it what the next life has to know: since
when the deliveries of which webhook are to be looked at, and the pushes that wait.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from falcohost.jsonlog import Limits, Refusals, Refused, Texts
from falcohost.jsonlog.decode import whole
from falcohost.web import WebhookInput
from falcohost_github.api import GithubApi
from falcohost_github.delivery import ORIGIN, extended
from falcohost_github.diffs import LOOKED_THROUGH, is_looked_through, look_through
from falcohost_github.gaps import Gaps
from falcohost_github.pushes import Pushes, unpacked
from falcohost_github.values import as_text

log = logging.getLogger("falcohost")


class _State(msgspec.Struct, omit_defaults=True):
    since: dict[str, int] = {}
    pushes: dict[str, str] = {}


class _Sender(msgspec.Struct):
    """What is looked at of each record."""

    webhook_type: str
    webhook_delivery: str
    webhook_hook: str
    repository: Any = None
    organization: Any = None


_sender = msgspec.json.Decoder(_Sender).decode


class DeliveriesInput:
    """What *web* takes, and what *api* tells of it; looked up is what the rules want, *tries* times at most.

    :ivar wanted: the rules look at what has to be looked up.
    """

    def __init__(self, web: WebhookInput, api: GithubApi, tries: int) -> None:
        self.wanted = True
        self._web = web
        self._api = api
        self._tries = tries
        self._web_cursor = ""

    @property
    def limits(self) -> Limits:
        """How large texts may be."""
        return self._web.limits

    @property
    def done(self) -> float | None:
        """Return None: it never ends."""
        return None

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Bind the address, and take up what was left.

        :raises SourceError: the address cannot be had, or a package is missing.
        """
        self._api.open()
        self._web.open(refusals, None)
        state = _state(cursor)
        self._gaps = Gaps(self._api, self._web.give, refusals, state.since)
        self._pushes = Pushes(self._look, self._tries, refusals, state.pushes)

    def texts(self) -> Iterator[Texts]:
        """Yield records, and nothing again and again where there are none."""
        self._gaps.start()
        self._pushes.start()
        since: dict[str, int] | None = None
        for texts in self._web.texts():
            items = [item for item in texts.items if not self._waits(item[1])]
            items += [(0, text) for text in self._pushes.take()]
            self._web_cursor = texts.cursor or self._web_cursor
            is_new = bool(items or texts.items) or since != self._gaps.since
            since = self._gaps.since
            yield Texts(ORIGIN, items, self._cursor(since) if is_new else None)

    def ack(self, cursor: str) -> None:
        """Answer the requests up to *cursor*."""
        self._web.ack(cursor.partition(" ")[0])

    def close(self) -> None:
        """Let go of everything; what waits is in the cursor."""
        self._gaps.close()
        self._pushes.close()
        self._web.close()
        self._api.close()

    def _cursor(self, since: dict[str, int]) -> str:
        state = _State(since, self._pushes.kept)
        return f"{self._web_cursor} {msgspec.json.encode(state).decode()}"

    def _waits(self, text: bytes) -> bool:
        """Take note of who sent *text*; return whether it waits for something."""
        try:
            sender = _sender(text)
            self._gaps.note(_hook(sender))
            if not self.wanted or not self._tries or sender.webhook_type not in LOOKED_THROUGH:
                return False
            if not is_looked_through(whole(text)):
                return False
        except (ValueError, RecursionError, Refused):
            return False  # there is something odd in it, which the decoder of the log mends or refuses
        self._pushes.add(sender.webhook_delivery, text)
        return True

    def _look(self, text: bytes) -> bytes:
        return extended(text, look_through(self._api, whole(text)))


def _hook(sender: _Sender) -> str:
    """Return where in the API the webhook is."""
    kind, _, ident = sender.webhook_hook.partition("/")
    if kind == "organization":
        return f"orgs/{_text(sender.organization, 'login')}/hooks/{ident}"
    return f"repos/{_text(sender.repository, 'full_name')}/hooks/{ident}"


def _text(value: Any, key: str) -> str:
    return as_text(value.get(key)) if isinstance(value, dict) else ""


def _state(cursor: str | None) -> _State:
    if cursor is None:
        return _State()
    try:
        state = msgspec.json.decode(cursor.partition(" ")[2], type=_State)
        return _State(state.since, {guid: text for guid, text in state.pushes.items() if unpacked(text)})
    except (ValueError, zlib.error):
        log.warning("what was kept cannot be read; it begins anew")
        return _State()
