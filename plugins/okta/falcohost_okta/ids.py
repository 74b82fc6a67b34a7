"""What an event is known by: the ``uuid`` that Okta gives it, which nobody who causes events can choose."""

from __future__ import annotations

import msgspec

from falcohost.jsonlog import Refused, parse_time, whole_record


class _Named(msgspec.Struct):
    uuid: str | None = None
    published: str | None = None


_named = msgspec.json.Decoder(_Named).decode


def uuid_of(text: bytes) -> str | None:
    """Return the id of the event *text*; None where it has none."""
    return uuid_and_time(text)[0]


def uuid_and_time(text: bytes) -> tuple[str | None, int | None]:
    """Return id and time (nanoseconds since the epoch) of the event *text*, each None where it has none."""
    try:
        named = _named(text)
        ident, published = named.uuid, named.published
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        ident, published = _of_odd(text)
    return ident or None, parse_time(published)


def _of_odd(text: bytes) -> tuple[str | None, str | None]:
    """Return the same of a text that is odd but perhaps an event."""
    try:
        record = whole_record(text)
    except Refused:
        return None, None
    ident, published = record.get("uuid"), record.get("published")
    return ident if isinstance(ident, str) else None, published if isinstance(published, str) else None
