"""Colours of alerts on a terminal, by priority."""

from __future__ import annotations

import os
from collections.abc import Callable

from falcohost.alert import Alert, Priority
from falcohost.terminal import refuses_colour

#: The foreground's number by the colour's name (ECMA-48, SGR).
_NUMBERS = {"red": 31, "yellow": 33, "cyan": 36}

_COLOURS = {Priority.WARNING: "yellow", Priority.NOTICE: "cyan"}


def colour_of(priority: Priority) -> str | None:
    """Return the name of the colour of alerts with this *priority*; None: that of other text."""
    return _COLOURS.get(priority, "red" if priority < Priority.WARNING else None)


def wants_colour(descriptor: int) -> bool:
    """Return whether *descriptor* is a terminal that is to show colour."""
    return os.isatty(descriptor) and not refuses_colour()


def coloured(encode: Callable[[Alert], bytes]) -> Callable[[Alert], bytes]:
    """Return a function that returns the line of *encode* in the colour of the alert."""

    def line(alert: Alert) -> bytes:
        colour = colour_of(alert.priority)
        return encode(alert) if colour is None else b"\x1b[%dm%s\x1b[0m" % (_NUMBERS[colour], encode(alert))

    return line
