"""An alert's line straight from its bytes (:mod:`falcohost.store.body`), without the alert between.

An output that writes lines needs nothing else of an alert, so only what the line shows is decoded. What is not as most
alerts are has no line here: whoever asks decodes it and has its line made from the alert.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from falcohost.alert import Priority, ShownAlert
from falcohost.engine.alerts import INTERNAL, JsonOptions
from falcohost.engine.texts import escaped_json
from falcohost.engine.times import SECOND, rfc3339
from falcohost.store.body import begins

#: Errors of a decoder.
_UNDECODABLE: Final = (ValueError, OverflowError, RecursionError, MemoryError)


class _Text(Struct, gc=False):
    """What a line of text shows."""

    message: str
    output: str


class _Line(Struct, gc=False):
    """The keys of :func:`falcohost.engine.alerts.encode_json` that most lines have, in the same order."""

    hostname: str
    id: str | UnsetType
    message: str | UnsetType
    output: str | UnsetType
    output_fields: dict[str, object] | UnsetType
    priority: str
    rule: str
    source: str
    tags: list[str] | UnsetType
    time: str


class BodyLines:
    """Makes lines as JSON with the keys in *options*; None: as text."""

    def __init__(self, options: JsonOptions | None) -> None:
        self._options = options

    def lines(self, bodies: Iterable[bytes]) -> list[bytes | None]:
        """Return the line of each alert, in UTF-8, without a newline; None: the alert is to be decoded."""
        options = self._options
        if options is None:
            return [*map(_text, bodies)]
        if options.subjects or options.condition_fields:
            return [None for _ in bodies]
        lines = [_json(body, options) for body in bodies]
        joined = b"".join([line for line in lines if line is not None])
        if escaped_json(joined) is joined:  # as nearly all are
            return lines
        return [None if line is None else escaped_json(line) for line in lines]


def _text(body: bytes) -> bytes | None:
    if (head := begins(body)) is None:
        return None
    try:
        one: _Text = _decode_text(body[head[0] :])
    except _UNDECODABLE:
        return None  # whoever decodes it says so
    return (one.output + one.message).encode() if head[1] == len(one.output) else None


def _json(body: bytes, options: JsonOptions) -> bytes | None:
    if (head := begins(body)) is None:
        return None
    try:
        one: ShownAlert = _decode_shown(body[head[0] :])
    except _UNDECODABLE:
        return None
    before, time = one.output, one.time
    if head[1] != len(before) or one.source == INTERNAL:
        return None
    line: bytes = _encode(
        _Line(
            one.hostname,
            one.id if options.with_id else UNSET,
            one.message if options.message else UNSET,
            before + one.message if options.output else UNSET,
            (one.fields or {"evt.time": time}) if options.output_fields else UNSET,
            _LABELS[one.priority],
            one.rule,
            one.source,
            _sorted(one.tags) if options.tags else UNSET,
            _time(time),
        )
    )
    return line


def _time(time: int) -> str:
    """Return what :func:`rfc3339` returns, which is the same for all alerts of a minute but for its end."""
    minute, rest = divmod(time, _MINUTE)
    if not (before := _minute(minute)):
        return rfc3339(time)
    digits = f"{rest:011}"
    return f"{before}{digits[:2]}.{digits[2:]}Z"


@functools.lru_cache(maxsize=256)
def _minute(minute: int) -> str:
    """Return what stands before the seconds; empty if that cannot be told from the beginning of the minute alone."""
    first, last = (rfc3339(minute * _MINUTE + second * SECOND) for second in (0, 59))
    begin = first[:-13]
    return begin if (first, last) == (f"{begin}00.000000000Z", f"{begin}59.000000000Z") else ""


@functools.lru_cache(maxsize=1024)
def _sorted(tags: tuple[str, ...]) -> list[str]:
    return sorted(tags)


_MINUTE: Final = 60 * SECOND
_LABELS = tuple(priority.label for priority in Priority)
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_text: Any = msgspec.msgpack.Decoder(_Text).decode
_decode_shown: Any = msgspec.msgpack.Decoder(ShownAlert).decode
