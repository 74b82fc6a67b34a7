"""Formats alerts as lines, and writes them to a file descriptor completely or raises an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from falcohost.alert import Alert
from falcohost.engine.alerts import JsonOptions, encode_json
from falcohost.outputs.bodies import BodyLines

#: Where an alert has its last line of JSON, with the options that it was made with.
_LINE: Final = "line"
_NONE: Final[tuple[JsonOptions | None, bytes]] = (None, b"")


def as_lines(alerts: Iterable[Alert], encode: Callable[[Alert], bytes]) -> bytes:
    """Return one line per alert."""
    return b"".join([encode(alert) + b"\n" for alert in alerts])


def ended(lines: Sequence[bytes]) -> bytes:
    """Return *lines*, of which there is at least one, with their ends."""
    return b"\n".join([*lines, b""])


def encode_text(alert: Alert) -> bytes:
    """Return the alert's line of text, without a newline."""
    return alert.output.encode("utf-8", "replace")


class ConfiguredFormat:
    """Formats alerts as JSON with the keys in *options*; None: as text.

    :ivar of_bodies: makes the same lines from alerts' bytes.
    """

    def __init__(self, options: JsonOptions | None) -> None:
        self.json = options is not None
        self.of_bodies = BodyLines(options)
        self._options = options

    def is_like(self, other: ConfiguredFormat) -> bool:
        """Return whether *other* makes the same lines."""
        return self._options is other._options

    def line(self, alert: Alert) -> bytes:
        """Return *alert* as a line in UTF-8, without a newline. Outputs with the same options share their work."""
        if self._options is None:
            return encode_text(alert)
        made: tuple[JsonOptions | None, bytes] = alert.__dict__.get(_LINE, _NONE)
        options, line = made
        if options is not self._options:
            line = encode_json(alert, self._options)
            alert.__dict__[_LINE] = self._options, line
        return line


@runtime_checkable
class LineOutput(Protocol):
    """An output that writes a line per alert, and needs nothing else of it.

    :ivar form: the form of its lines; None: it does need the alerts.
    """

    form: ConfiguredFormat | None

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Write *lines* as :meth:`deliver` writes those of alerts; they have no newlines at their ends yet."""


def form_for_bodies(form: object) -> ConfiguredFormat | None:
    """Return *form* if it makes lines from alerts' bytes; else None."""
    return form if isinstance(form, ConfiguredFormat) else None


class ShortWrite(Exception):
    """Only *written* bytes could be written, because of *error*."""

    def __init__(self, error: OSError, written: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.written = written


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*.

    :raises ShortWrite: not all of it could be written.
    """
    view = memoryview(data)
    written = 0
    while written < len(view):
        try:
            written += os.write(descriptor, view[written:])
        except OSError as error:
            raise ShortWrite(error, written) from error
