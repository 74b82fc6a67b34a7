"""Names of functions, by which one process tells another which function to call."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any


def function(name: str) -> Callable[..., Any]:
    """Return the function *name* (``module:name``).

    :raises Exception: there is none, or whatever its module raises.
    """
    module, _, attribute = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return found


def name_of(one: Callable[..., object]) -> str | None:
    """Return the name by which :func:`function` finds *one*; None if it has none, as a method or a closure."""
    module, attribute = getattr(one, "__module__", None), getattr(one, "__qualname__", "")
    if not isinstance(module, str) or getattr(sys.modules.get(module), attribute, None) is not one:
        return None
    return f"{module}:{attribute}"
