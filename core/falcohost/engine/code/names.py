"""Names for values in generated source, so that no value is ever written into the source itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

#: So many names of each kind exist before any is used. Python has all names in one table, which the agent's processes
#: share as far as they add nothing to it.
_EARLY: Final = 256
_early: Final = [sys.intern(f"{kind}{number}") for kind in "kv" for number in range(_EARLY)]


class Names:
    """Binds values to names that generated source may use."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {"__builtins__": {}}
        self._names: dict[object, str] = {}

    def of(self, value: object, *key: object) -> str:
        """Return the name of *value*; equal *key* (or the same object, if there is none) gives the same name."""
        known = key or (id(value),)
        name = self._names.get(known)
        if name is None:
            name = self._names[known] = f"k{len(self.bound)}"
            self.bound[name] = value
        return name

    def made(self, make: Callable[[], object], *key: object) -> str:
        """Return the name of what *make* returns; an equal *key* gives the same name without calling *make*."""
        name = self._names.get(key)
        return self.of(make(), *key) if name is None else name

    def of_constant(self, value: object) -> str:
        """Return the name of a constant, shared by equal constants of one type."""
        return self.of(value, type(value), value)
