"""Names of functions, by which one process tells another which function to call.

Who calls has more rights than who names: it calls only what is marked for that (:mod:`falcohost.by_name`), and imports
only modules of falcohost and of plugins.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from falcohost.by_name import Kind, how_called
from falcohost.errors import PluginError
from falcohost.host.plugins.found import has_module


def function(
    name: str, kind: Kind, capabilities: frozenset[str] = frozenset(), calls: frozenset[str] = frozenset()
) -> Callable[..., Any]:
    """Return the function *name* (``module:name``), which is called as *kind*.

    :param capabilities: those that the process is to keep then; *calls*: what it is to do.
    :raises PluginError: it may not be called as that, or not with these rights.
    :raises Exception: there is none, or whatever its module raises.
    """
    module, _, attribute = name.partition(":")
    if not has_module(module):
        raise PluginError(f"{name} may not be called: no plugin has a module {module!r}")
    found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    called = how_called(found)
    if called is None or called.kind != kind:
        raise PluginError(f"{name} may not be called: it has no falcohost.by_name.called_by_name({kind!r})")
    if more := sorted((capabilities - called.capabilities) | (calls - called.calls)):
        raise PluginError(f"{name} may not be called for a process with {', '.join(more)}: its mark has none of these")
    return found


def name_of(one: Callable[..., object], kind: Kind, capabilities: frozenset[str] = frozenset()) -> str | None:
    """Return the name by which :func:`function` finds *one*; None if it has none, as a method, or without a mark."""
    module, attribute = getattr(one, "__module__", None), getattr(one, "__qualname__", "")
    if not isinstance(module, str) or getattr(sys.modules.get(module), attribute, None) is not one:
        return None
    called = how_called(one)
    if called is None or called.kind != kind or not capabilities <= called.capabilities:
        return None
    return f"{module}:{attribute}"
