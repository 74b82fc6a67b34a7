"""Whether the user's terminal is to show colour."""

from __future__ import annotations

import os


def refuses_colour() -> bool:
    """Return whether the user wants no colour (https://no-color.org), or the terminal has none (``TERM=dumb``)."""
    return "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
