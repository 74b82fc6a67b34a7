"""The audit log of an organization, page by page: by the links that GitHub gives, and by time where there is none.

It begins some minutes before this machine's time, or GitHub's, if that is behind; from then on times are those of the
entries. After the last page it is asked for again from some minutes before the last entry on, since an entry may come
late; what was there before is left out by its id.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec

from falcohost.jsonlog import Limits, Origin, Refusals
from falcohost.poll import Page, PollInput, Seen
from falcohost_github.api import GithubApi, Refused

#: What a token needs to read the audit log.
PERMISSION = "the organization's permission 'Administration: read' (classic: the scope read:audit_log), and an owner"

#: Seconds between two looks where there is nothing new. GitHub answers 1,750 requests an hour, and 15 a minute.
EVERY = 15.0

#: Seconds for which a page is waited for, while webhooks are not looked at.
BRIEF = 0.02

#: Seconds that are looked at again.
OVERLAP = 600

#: Ids that are remembered, to leave out what was there before; the store knows what is older.
MOST = 2000

_SECOND = 1000  # times are in milliseconds

#: What GitHub answers where it does not know the link to a page any more.
_FORGOTTEN = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY)


class _Position(msgspec.Struct):
    """How far the log was read: from when on to ask where there is no *next*, and the ids of what was read last."""

    log: str
    since: int
    next: str = ""
    seen: list[str] = []


class _Entry(msgspec.Struct):
    ident: object = msgspec.field(default=None, name="_document_id")
    time: object = msgspec.field(default=None, name="@timestamp")


_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder(_Entry).decode


def audit_log(api: GithubApi, whose: str, plugin: str) -> PollInput:
    """Return the audit log of *whose*: ``NAME`` of an organization, or ``enterprises/NAME``."""
    origin = Origin(f"the audit log of {whose}", f"audit log {whose}", by_content=True, id_of=_ident)
    return PollInput(AuditLog(api, whose), Limits(), plugin=plugin, origin=origin, idle=BRIEF)


class AuditLog:
    """Fetches pages of the audit log of *whose*."""

    def __init__(self, api: GithubApi, whose: str) -> None:
        self._api = api
        self._path = f"{whose if '/' in whose else f'orgs/{whose}'}/audit-log"

    def open(self, refusals: Refusals) -> None:
        """Open the API."""
        self._api.open()

    def fetch(self, cursor: str | None) -> Page:
        """Return the page at *cursor*.

        :raises PollError: it cannot be had now.
        """
        position = self._position(cursor)
        if position is None:
            return _page([], _Position(self._path, int(time.time() - OVERLAP) * _SECOND), 0.0)
        try:
            answer = self._api.get(position.next or self._since(position), PERMISSION)
        except Refused as refused:
            if not position.next or refused.status not in _FORGOTTEN:
                raise
            return _page([], msgspec.structs.replace(position, next=""), 0.0)
        now = int(answer.date + 1) * _SECOND  # GitHub says it to the second
        since = min(position.since, now - OVERLAP * _SECOND)
        seen, new, ahead = Seen(position.seen, MOST), [], since < position.since
        entries = _entries(answer.body)
        for raw in map(bytes, entries):
            entry = _entry(raw)
            if not isinstance(entry.ident, str) or seen.is_new(entry.ident):
                new.append(raw)
            if type(entry.time) is int:
                since = max(since, min(entry.time, now) - OVERLAP * _SECOND)
        following = answer.link("next") or ""
        wait = 0.0 if ahead or (following and entries) else EVERY
        return _page(new, _Position(self._path, since, following, seen.marks), wait)

    def close(self) -> None:
        """Let go of all connections."""
        self._api.close()

    def _position(self, cursor: str | None) -> _Position | None:
        """Return where *cursor* says; None where that is in no log, or another one."""
        try:
            position = msgspec.json.decode(cursor or "null", type=_Position | None)
        except ValueError:
            return None
        return position if position is not None and position.log == self._path else None

    def _since(self, position: _Position) -> str:
        since = datetime.fromtimestamp(position.since // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = {"phrase": f"created:>={since}", "include": "all", "order": "asc", "per_page": "100"}
        return f"{self._path}?{urlencode(asked)}"


def _page(items: list[bytes], position: _Position, wait: float) -> Page:
    return Page(items, msgspec.json.encode(position).decode(), wait)


def _entry(raw: bytes) -> _Entry:
    try:
        return _decode(raw)
    except ValueError:
        return _Entry()  # it is no object, which the decoder of the log counts


def _ident(raw: bytes) -> str | None:
    ident = _entry(raw).ident
    return ident if isinstance(ident, str) else None
