"""Durations as people write them: ``30m``, ``2h``, ``7d``."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds_of(text: str) -> int | None:
    """Return the seconds that *text* gives (``30m``, ``2h``, ``7d``); None if it does not."""
    found = re.fullmatch(r"0*(\d{1,15})([smhdw])", text, re.ASCII)
    return int(found[1]) * _UNITS[found[2]] if found else None


def duration(number: int) -> str:
    """Return *number* seconds as text, in its two largest units: ``2h 5m``."""
    parts: list[str] = []
    for unit in "dhms":
        size = _UNITS[unit]
        if (count := number // size) or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
        number %= size
    return " ".join(parts[:2])
