"""The operators ``glob`` and ``iglob``: fnmatch(3) without flags, in the C locale, so ``?`` and classes take one byte.

Attackers choose the values, so every matcher here takes time linear in the value. Patterns of plain text and ``*`` are
matched by searching for their pieces in order, all others by RE2.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import TypeAlias

from falcohost.engine.texts import ascii_lower, bytes_text, text_bytes

Predicate: TypeAlias = Callable[[str], bool]

#: A part of a pattern: plain bytes, a set of bytes of which one must follow, or None for ``*``.
Part: TypeAlias = bytes | frozenset[int] | None


def glob(pattern: str, *, fold: bool = False) -> Predicate:
    """Return a predicate: the whole value matches *pattern*. With *fold*, A-Z and a-z are equal."""
    parts = parse_glob(text_bytes(pattern), fold=fold)
    if parts is None:
        return _never
    if any(isinstance(part, frozenset) for part in parts):
        return _by_re2(parts, fold)
    pieces = [""]
    for part in parts:
        if part is None:
            pieces.append("")
        elif isinstance(part, bytes):
            pieces[-1] = bytes_text(part)
    if not fold:
        return _by_pieces(pieces)
    folded = _by_pieces([ascii_lower(piece) for piece in pieces])
    return lambda value: folded(ascii_lower(value))


def _never(value: str) -> bool:
    return False


def _by_pieces(pieces: list[str]) -> Predicate:
    """Match *pieces* with anything between them: the first at the start, the last at the end."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return first.__eq__
    middle = [piece for piece in pieces[1:-1] if piece]
    if not middle and not last:
        return lambda value: value.startswith(first)
    if not middle and not first:
        return lambda value: value.endswith(last)
    if len(middle) == 1 and not first and not last:
        piece = middle[0]
        return lambda value: piece in value

    def matches(value: str) -> bool:
        end = len(value) - len(last)
        if end < len(first) or not value.startswith(first) or not value.endswith(last):
            return False
        place = len(first)
        for piece in middle:
            place = value.find(piece, place, end)
            if place < 0:
                return False
            place += len(piece)
        return True

    return matches


def _by_re2(parts: list[Part], fold: bool) -> Predicate:
    import re2  # only where a rule has such a pattern

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.never_capture = True
    options.log_errors = False
    pattern = "".join(_re2_part(part, fold) for part in parts)
    fullmatch = re2.compile(pattern.encode("ascii"), options).fullmatch
    return lambda value: fullmatch(text_bytes(value)) is not None


def _re2_part(part: Part, fold: bool) -> str:
    if part is None:
        return ".*"
    if isinstance(part, frozenset):
        return _re2_class(part)
    return "".join(_re2_class(_both_cases({byte})) if fold else f"\\x{byte:02x}" for byte in part)


def _both_cases(members: set[int]) -> frozenset[int]:
    return frozenset(members | {ord(chr(byte).swapcase()) for byte in members if byte < 128})


def _re2_class(members: frozenset[int]) -> str:
    if not members:
        return "[^\\x00-\\xff]"
    return "[" + "".join(f"\\x{byte:02x}" for byte in sorted(members)) + "]"


_CLASSES = {
    "alpha": string.ascii_letters,
    "digit": string.digits,
    "alnum": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "space": " \t\n\v\f\r",
    "blank": " \t",
    "punct": string.punctuation,
    "print": "".join(map(chr, range(32, 127))),
    "graph": "".join(map(chr, range(33, 127))),
    "cntrl": "".join(map(chr, (*range(32), 127))),
    "xdigit": string.hexdigits,
}


class _NeverMatches(Exception):
    """fnmatch(3) never matches this pattern."""


def parse_glob(pattern: bytes, *, fold: bool = False) -> list[Part] | None:
    """Split *pattern* into parts; None if it can never match (it ends in a backslash).

    With *fold*, sets contain both cases of their letters, as with FNM_CASEFOLD; plain bytes stay unchanged.
    """
    parts: list[Part] = []
    place = 0
    try:
        while place < len(pattern):
            part, place = _next_part(pattern, place, fold)
            if part is None and parts and parts[-1] is None:
                continue
            if isinstance(part, bytes) and parts and isinstance(parts[-1], bytes):
                parts[-1] += part
            else:
                parts.append(part)
    except _NeverMatches:
        return None
    return parts


def _next_part(pattern: bytes, place: int, fold: bool) -> tuple[Part, int]:
    char = pattern[place : place + 1]
    if char == b"*":
        return None, place + 1
    if char == b"?":
        return frozenset(range(256)), place + 1
    if char == b"[":
        bracket = _bracket(pattern, place + 1, fold)
        return bracket if bracket is not None else (char, place + 1)
    if char == b"\\":
        if place + 1 == len(pattern):
            raise _NeverMatches
        place += 1
    return pattern[place : place + 1], place + 1


def _bracket(pattern: bytes, place: int, fold: bool) -> tuple[frozenset[int], int] | None:
    """Read a bracket expression after its ``[``; None if it is not closed: then the ``[`` is a plain character."""
    negated = pattern[place : place + 1] in (b"!", b"^")
    place += negated
    members: set[int] = set()
    start = place
    while place < len(pattern) and (pattern[place] != ord("]") or place == start):
        named = _named_class(pattern, place)
        if named is not None:
            members |= named[0]
            place = named[1]
            continue
        found, place = _range(pattern, place, fold)
        members |= found
    if place >= len(pattern):
        return None
    return frozenset(set(range(256)) - members if negated else members), place + 1


def _named_class(pattern: bytes, place: int) -> tuple[set[int], int] | None:
    """Read ``[:alpha:]`` inside a bracket expression."""
    if pattern[place : place + 2] != b"[:":
        return None
    end = pattern.find(b":]", place + 2)
    if end < 0 or not pattern[place + 2 : end].isalpha():
        return None
    members = _CLASSES.get(pattern[place + 2 : end].decode())
    if members is None:
        raise _NeverMatches
    return set(map(ord, members)), end + 2


def _range(pattern: bytes, place: int, fold: bool) -> tuple[set[int] | frozenset[int], int]:
    """Read ``a``, ``a-z``, ``[.a.]`` or ``[=a=]`` inside a bracket expression; the last two are never folded."""
    kind = pattern[place + 1 : place + 2]
    if pattern[place] == ord("[") and kind in (b".", b"=") and pattern[place + 3 : place + 5] == kind + b"]":
        return {pattern[place + 2]}, place + 5
    low, place = _bracket_char(pattern, place)
    high = low
    if pattern[place : place + 1] == b"-" and pattern[place + 1 : place + 2] not in (b"]", b""):
        high, place = _bracket_char(pattern, place + 1)
    if not fold:
        return set(range(low, high + 1)), place
    low, high = bytes((low, high)).lower()
    return _both_cases(set(range(low, high + 1))), place


def _bracket_char(pattern: bytes, place: int) -> tuple[int, int]:
    """Read one character inside a bracket expression, plain or escaped."""
    if pattern[place] == ord("\\") and place + 1 < len(pattern):
        place += 1
    return pattern[place], place + 1
