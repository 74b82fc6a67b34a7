"""Cuts an alert that is too large for a message or for the store: one event must not use up the room of others."""

from __future__ import annotations

from itertools import islice

from msgspec.structs import replace

from falcohost.alert import Alert

#: Most fields of an alert, and most characters of its message.
MOST_FIELDS = 4096
MOST_MESSAGE = 1 << 16

#: Most characters of a text, and most values of a list, tried one after the other until the alert is small enough.
_TRIES = (16_384, 1_024, 64, 0)


def tried(alert: Alert) -> list[Alert]:
    """Return *alert* cut in several ways, each shorter than the one before; the last is always small enough."""
    return [_cut(alert, most) for most in _TRIES]


def _cut(alert: Alert, most: int) -> Alert:
    """Return *alert* with texts of up to *most* characters in its fields; 0: without most of its fields."""
    message, output = alert.message, alert.output
    longest = min(MOST_MESSAGE, max(most, 64) * 64)
    if len(message) > longest:
        head = output.removesuffix(message)
        message = message[:longest] + "…"
        output = head[: longest + 1] + message
    kept = islice(alert.fields.items(), MOST_FIELDS if most else 64)
    fields = {name[: most or 64]: _value(value, most or 64) for name, value in kept}
    return replace(alert, message=message, output=output, fields={**fields, "falcohost.cut": True})


def _value(value: object, most: int) -> object:
    if isinstance(value, str):
        return value if len(value) <= most else value[:most] + "…"
    if isinstance(value, list):
        return [_value(item, most // 64 + 1) for item in value[:most]]
    return value
