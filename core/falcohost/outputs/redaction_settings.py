"""What is redacted; apart from how, which takes memory that nobody else should pay."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

#: Most bytes that RE2 takes for one expression and its automata.
_MEMORY: Final = 8 << 20


#: Fields with all variables of a process, or of its ancestors.
ENVIRONMENTS: Final = ("proc.env", "proc.aenv", "evt.arg.env")


class Redaction(Struct, frozen=True):
    """What is redacted.

    :ivar patterns: further patterns; the first group of each is the secret, or all of it if there is none.
    :ivar fields: patterns of names of fields whose values are replaced; ``*`` stands for any text. One of several
        values, such as ``evt.arg[1]``, has the name without the number, too.
    :ivar built_in: the patterns of :mod:`falcohost.outputs.secret_patterns` count, too.
    :ivar store: alerts are redacted before they are stored, and so for all outputs.
    """

    patterns: tuple[str, ...] = ()
    fields: tuple[str, ...] = ENVIRONMENTS
    built_in: bool = True
    store: bool = False


def pattern_problem(pattern: str) -> str | None:
    """Return why *pattern* is no regular expression; None if it is."""
    import re2

    try:
        compiled(pattern)
    except (re2.error, ValueError, OverflowError) as error:
        text = error.args[0] if error.args else error
        return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return None


def compiled(pattern: str) -> Any:
    """Return *pattern* as an expression about bytes in UTF-8.

    :raises re2.error: it is none.
    """
    import re2  # takes time and memory

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(pattern.encode(), options)
