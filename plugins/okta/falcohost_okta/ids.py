"""Identifies an event by the ``uuid`` that Okta assigns; nobody who causes events can choose it."""

from __future__ import annotations

import msgspec

from falcohost.jsonlog import Refused, parse_time, whole_record


class _Named(msgspec.Struct):
    uuid: str | None = None
    published: str | None = None


_named = msgspec.json.Decoder(_Named).decode


def uuid_of(text: bytes) -> str | None:
    """Return the id of the event *text*, or None if it has none."""
    return uuid_and_time(text)[0]


def uuid_and_time(text: bytes) -> tuple[str | None, int | None]:
    """Return id and time (nanoseconds since the epoch) of the event *text*; each is None if it is missing."""
    try:
        named = _named(text)
        ident, published = named.uuid, named.published
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        ident, published = _of_odd(text)
    return ident or None, parse_time(published)


def _of_odd(text: bytes) -> tuple[str | None, str | None]:
    """Return the same for a text that does not have the usual form but may be an event."""
    try:
        record = whole_record(text)
    except Refused:
        return None, None
    ident, published = record.get("uuid"), record.get("published")
    return ident if isinstance(ident, str) else None, published if isinstance(published, str) else None
