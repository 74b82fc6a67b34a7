"""Reads a number of seconds from the command line."""

from __future__ import annotations

import math
from typing import Any

import click

#: The longest time: 31 years. The kernel's clocks take no arbitrary number.
_LONGEST = 1e9


class Seconds(click.FloatRange):
    """A finite number of seconds in a range; a longer one than :data:`_LONGEST` is cut."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return *value* as a number."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return min(seconds, _LONGEST)
