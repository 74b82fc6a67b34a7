"""Polls the audit log of an organization page by page: along GitHub's links, or by time where there is no link.

Reading begins some minutes before this machine's time, or GitHub's if that is behind; after that, times are those of
the entries. After the last page, entries from some minutes before the last one on are requested again, since entries
may be late; known entries are dropped by their ids.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec

from falcohost.jsonlog import Limits, Origin, Refusals, Refused, whole_record
from falcohost.needs import Needs
from falcohost.poll import Page, PollError, PollInput, Seen, array_items
from falcohost_github.api import GithubApi, RequestRefused

#: The permission that a token needs to read the audit log.
PERMISSION = "the organization's permission 'Administration: read' (classic: the scope read:audit_log), and an owner"

#: Seconds between two requests while there are no new entries. GitHub allows 1,750 requests per hour, 15 per minute.
EVERY = 15.0

#: Seconds to wait for a page, during which webhooks are not handled.
BRIEF = 0.02

#: Number of seconds that are requested again.
OVERLAP = 600

#: Number of ids that are remembered to drop known entries; the store recognizes older ones.
MOST = 2000

_SECOND = 1000  # times are in milliseconds

#: HTTP statuses with which GitHub answers the link to a page that it no longer knows.
_FORGOTTEN = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY)


class _Position(msgspec.Struct):
    """How far the log was read: the time to continue from without *next*, and the ids of the latest entries."""

    log: str
    since: int
    next: str = ""
    seen: list[str] = []


class _Entry(msgspec.Struct):
    ident: object = msgspec.field(default=None, name="_document_id")
    time: object = msgspec.field(default=None, name="@timestamp")


_decode = msgspec.json.Decoder(_Entry).decode


def audit_log(api: GithubApi, whose: str, plugin: str) -> PollInput:
    """Return the audit log of *whose*: the ``NAME`` of an organization, or ``enterprises/NAME``."""
    origin = Origin(f"the audit log of {whose}", f"audit log {whose}", by_content=True, id_of=_ident)
    return PollInput(AuditLog(api, whose), Limits(), plugin=plugin, origin=origin, idle=BRIEF)


class AuditLog:
    """Fetches pages of the audit log of *whose*."""

    def __init__(self, api: GithubApi, whose: str) -> None:
        self._api = api
        self._path = f"{whose if '/' in whose else f'orgs/{whose}'}/audit-log"

    @property
    def needs(self) -> Needs:
        """Return that it does no more than the API."""
        return self._api.needs

    def open(self, refusals: Refusals) -> None:
        """Open the API."""
        self._api.open()

    def fetch(self, cursor: str | None) -> Page:
        """Return the page at *cursor*.

        :raises PollError: it is not available now.
        """
        position = self._position(cursor)
        if position is None:
            return _page([], _Position(self._path, int(time.time() - OVERLAP) * _SECOND), 0.0)
        try:
            answer = self._api.get(position.next or self._since(position), PERMISSION)
        except RequestRefused as refused:
            if not position.next or refused.status not in _FORGOTTEN:
                raise
            return _page([], msgspec.structs.replace(position, next=""), 0.0)
        now = int(answer.date + 1) * _SECOND  # GitHub's time is in whole seconds
        since = min(position.since, now - OVERLAP * _SECOND)
        seen, new, ahead = Seen(position.seen, MOST), [], since < position.since
        entries = _entries(answer.body)
        for raw in entries:
            entry = _entry(raw)
            if seen.is_new(entry.ident if isinstance(entry.ident, str) else _content(raw)):
                new.append(raw)
            if type(entry.time) is int:
                since = max(since, min(entry.time, now) - OVERLAP * _SECOND)
        following = answer.link("next") or ""
        wait = 0.0 if ahead or (following and entries) else EVERY
        return _page(new, _Position(self._path, since, following, seen.marks), wait)

    def close(self) -> None:
        """Close all connections."""
        self._api.close()

    def _position(self, cursor: str | None) -> _Position | None:
        """Return the position in *cursor*, or None if it is not one in this log."""
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


def _entries(body: bytes) -> list[bytes]:
    try:
        return array_items(body)
    except Refused as damaged:
        raise PollError(f"GitHub's answer cannot be read: {damaged}") from None


def _entry(raw: bytes) -> _Entry:
    try:
        return _decode(raw)
    except (ValueError, RecursionError):
        pass
    try:
        record = whole_record(raw)
    except Refused:
        return _Entry()  # not an object; the decoder of the log counts it
    return _Entry(record.get("_document_id"), record.get("@timestamp"))


def _content(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()


def _ident(raw: bytes) -> str | None:
    ident = _entry(raw).ident
    return ident if isinstance(ident, str) else None
