"""What the argument of a field in a rule chooses among several things: one by its index, or by a pattern (provisional).

``container.mount.dest[0]`` and ``container.mount.dest[^/etc]`` both name a mount. Attackers may write what patterns are
compared with, so these run on RE2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from falcohost.fields import Arg

__all__ = ["chosen"]

_T = TypeVar("_T")

#: Most patterns that are kept compiled, and the memory that one may take.
_PATTERNS: Final = 64
_MEMORY: Final = 1 << 20


def chosen(things: Sequence[_T], argument: Arg, text: Callable[[_T], str]) -> _T | None:
    """Return the one of *things* with the index *argument*, or the first whose *text* that pattern matches somewhere.

    None: there is none, or RE2 does not accept the pattern.
    """
    if isinstance(argument, int) or str(argument).isdecimal():
        index = int(argument or 0)
        return things[index] if index < len(things) else None
    pattern = _compiled(str(argument)) if things else None
    return next((one for one in things if pattern is not None and pattern.search(text(one))), None)


@functools.lru_cache(_PATTERNS)
def _compiled(pattern: str) -> Any:
    import re2  # only where a rule has such a pattern; workers have its library then

    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError):
        return None
