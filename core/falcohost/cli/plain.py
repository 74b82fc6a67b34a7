"""Reads the command line of an agent's start where it is plain: options, each as it is written most.

Everything else is left to click (:mod:`falcohost.cli.app`), which takes 1.4 MB that the supervisor and its forks would
share for as long as they run. A test compares both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

from falcohost.cli.flags import Flags

#: The flags with a value, those of them that may be repeated, and those without a value.
_VALUES: Final = {
    "-c": "config",
    "-o": "options",
    "-r": "rules",
    "-P": "pidfile",
    "--option": "options",
    "--pidfile": "pidfile",
    "--enable-source": "enable_source",
    "--disable-source": "disable_source",
}
_REPEATED: Final = frozenset({"options", "rules", "enable_source", "disable_source"})
_SWITCHES: Final = {"-U": "unbuffered", "--unbuffered": "unbuffered", "-v": "verbose", "--verbose": "verbose"}

#: Set by shells that want names completed.
_COMPLETING: Final = "_FALCOHOST_COMPLETE"


def plain_flags(arguments: Sequence[str]) -> Flags | None:
    """Return the flags of an agent's start; None: click is to read them."""
    if _COMPLETING in os.environ:
        return None
    found: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument in _SWITCHES:
            found[_SWITCHES[argument]] = True
            continue
        name, value = _VALUES.get(argument), next(rest, "-")
        if name is None or value.startswith("-"):
            return None
        found[name] = (*found.get(name, ()), value) if name in _REPEATED else value
    return Flags(**found)
