"""Calls of a plugin's own functions on records, which may hold what their author has not thought of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from falcohost.log import log


def harmless(function: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    """Return *function* with None for its value where it raises, which would end the source; the first is logged."""
    told: list[str] = []

    @functools.wraps(function)
    def call(argument: Any) -> Any:
        try:
            return function(argument)
        except Exception as error:
            if not told:
                told.append(name)
                log.error(
                    "%s raises on a record, which is served all the same: %s: %s", name, type(error).__name__, error
                )
            return None

    return call
