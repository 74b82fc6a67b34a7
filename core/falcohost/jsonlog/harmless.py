"""Protects a source from exceptions in a plugin's functions, which may not expect every record."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from falcohost.log import log


def harmless(function: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    """Return *function* changed so that it returns None instead of raising; the first exception is logged."""
    told: list[str] = []

    @functools.wraps(function)
    def call(argument: Any) -> Any:
        try:
            return function(argument)
        except Exception as error:
            if not told:
                told.append(name)
                log.error(
                    "%s raised on a record, which is used all the same: %s: %s", name, type(error).__name__, error
                )
            return None

    return call
