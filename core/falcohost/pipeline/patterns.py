"""Whether rules may take RE2, a library of 1.7 MB that a process cannot load once it is confined."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import Any, Final, cast

from falcohost.engine import ir
from falcohost.engine.lookup_fields import LookupField
from falcohost.engine.ruleset import Rule

_RE2: Final = "re2"
#: Operators whose right side is a file name's pattern, which takes RE2 if it has one of these characters.
_GLOBS: Final = frozenset({"glob", "iglob", "pmatch"})
_SPECIAL: Final = frozenset("?[")


def have_patterns(rules: Iterable[Rule]) -> bool:
    """Return whether matching *rules*, or printing their alerts, may take RE2.

    That is so if a rule compares with such patterns, or has a field with an argument that may be one: any of a lookup.
    """
    return any(_has_patterns(rule) for rule in rules)


def _has_patterns(rule: Rule) -> bool:
    if any(isinstance(check, ir.Check) and _is_pattern(check) for check in ir.checks(rule.condition)):
        return True
    fields = (*ir.fields(rule.condition), *rule.output.fields)
    may = (ref.arg for ref in fields if isinstance(ref.field, LookupField) or ref.field.arg_is_pattern)
    return any(isinstance(arg, str) for arg in may)


def _is_pattern(check: ir.Check) -> bool:
    if check.op not in _GLOBS:
        return check.op == "regex"
    right = check.right
    texts = right if isinstance(right, (tuple, list, frozenset)) else (right,)
    return any(not isinstance(text, str) or not _SPECIAL.isdisjoint(text) for text in texts)


def load_re2() -> None:
    """Load it."""
    importlib.import_module(_RE2)


def load_no_re2() -> None:
    """Have an attempt to load it later raise ImportError, in a process that would otherwise end."""
    cast("dict[str, Any]", sys.modules).setdefault(_RE2, None)


def lacks_re2() -> bool:
    """Return whether this process has not loaded it, and cannot any more."""
    return _RE2 in sys.modules and sys.modules[_RE2] is None
