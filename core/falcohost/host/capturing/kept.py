"""Which events are kept before any alert, in the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from falcohost.engine.code.module import compile_condition
from falcohost.engine.ruleset import Rule
from falcohost.host.capturing.data import CaptureData
from falcohost.host.encoded_rules import decode_enabled
from falcohost.host.plugins import Plugins


def kept(data: CaptureData, source: str, plugins: Plugins) -> Callable[[Any], object] | None:
    """Return what says whether an event is kept before any alert; None: none is.

    :raises ValueError: *data* is not for the fields of *plugins*.
    """
    rules: Sequence[Rule] = decode_enabled(data.rules, source, plugins)
    return compile_condition(rules[1].condition) if len(rules) > 1 else None
