"""Describes which fields of records are decoded because of a rule, for ``falcohost rules explain``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falcohost.engine import ir
from falcohost.engine.paths import json_text
from falcohost.events import Plan
from falcohost.jsonlog.projection import reads

_EACH = "each record"


def pushed(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield a description of what is decoded from each record to evaluate the condition of *plan*."""
    refs = () if plan.condition is None else dict.fromkeys((*ir.fields(plan.condition), *plan.also_read))
    whole = [ref.text for ref in refs if reads(ref) is None]
    if whole or plan.condition is None:
        yield _EACH, f"is decoded completely{', for ' if whole else ''}{', '.join(whole)}"
        return
    paths = dict.fromkeys(_path(keys) for ref in refs for keys in reads(ref) or ())
    yield _EACH, f"decoded for the rule: {', '.join(paths) or 'nothing'}"


def _path(keys: tuple[str, ...]) -> str:
    """Return *keys* as a path that :func:`falcohost.engine.paths.path_keys` would read."""
    shown = (f".{key}" if re.fullmatch(r"[\w-]+", key) else f"[{json_text(key)}]" for key in keys)
    return "".join(shown).removeprefix(".")
