"""Finds plain text that must be in a value for a pattern (``regex``, ``glob``) to match.

The search is conservative: anything that is not certainly literal is ignored. Only ASCII is used, which means the same
to every matcher, whatever else is in the value.
"""

from __future__ import annotations

import re

from msgspec import Struct

from falcohost.engine.globs import Part, parse_glob
from falcohost.engine.texts import text_bytes


class Literals(Struct, frozen=True):
    """Text that every match starts with, ends with, and the longest text that every match contains."""

    start: str = ""
    end: str = ""
    inside: str = ""
    whole: bool = False


def glob_literals(pattern: str, *, fold: bool) -> Literals | None:
    """Return the plain text in *pattern*; None if it never matches.

    :param fold: letters in plain parts match in both cases.
    """
    parts = parse_glob(text_bytes(pattern), fold=fold)
    if parts is None:
        return None
    texts = [_plain(part) for part in parts] or [""]
    whole = len(parts) == 1 and bool(texts[0])
    return Literals(texts[0], texts[-1], max(reversed(texts), key=len), whole)


def _plain(part: Part) -> str:
    return part.decode() if isinstance(part, bytes) and part.isascii() else ""


_REGEX = re.compile(
    r"""
    (?P<plain> [^\W_] | [_ \t/,:;=<>@%&~`'"!\#-] | \\[^\w\s] )  (?P<times> [*?+{]? )
    | (?P<class> \[ \^? \]? (?: \[:\w+:\] | \\. | [^\]\\] )* \] )
    | (?P<digits> \\[wWdDsS] )
    | (?P<open> \( ) | (?P<close> \) ) | (?P<either> \| )
    | (?P<other> [.^$*?+] | \{ \d+ (?: , \d* )? \} )  # another brace is plain, and what is around it not understood
    """,
    re.VERBOSE | re.ASCII,
)


#: In POSIX syntax, one of these after a ``+`` repeats the repetition: ``a+*`` and ``a+?`` also match the empty text.
_REPEATS = ("*", "+", "?", "{")


def regex_literals(pattern: str) -> Literals:
    """Return the plain text in the RE2 *pattern* outside all groups."""
    runs, depth, place = [""], 0, 0
    while place < len(pattern):
        found = _REGEX.match(pattern, place)
        if found is None or pattern.startswith("(?", place):
            return Literals()
        place = found.end()
        kind = found.lastgroup if found["plain"] is None else "plain"
        if kind == "either" and depth == 0:
            return Literals()
        depth += (kind == "open") - (kind == "close")
        if kind != "plain" or depth:
            runs.append("")
            continue
        if found["times"] in ("", "+") and not (found["times"] and pattern.startswith(_REPEATS, place)):
            runs[-1] += found["plain"][-1]
        if found["times"]:
            runs.append("")
            place -= found["times"] == "{"
    return Literals(start=runs[0], inside=max(reversed(runs), key=len))
