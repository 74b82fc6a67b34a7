"""Lists the machine's processors."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PROCESSORS: Final = Path("/sys/devices/system/cpu")


def processors(which: str) -> list[int]:
    """Return the numbers of the ``possible`` or ``online`` processors."""
    found: list[int] = []
    for part in (_PROCESSORS / which).read_text().strip().split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
