"""Finds the values in a text that is not JSON, by its brackets and quotes.

This separates a damaged record from the others, as long as the damage leaves quotes paired and closes as many brackets
as it opens. The decoder decides later what each value is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Everything up to the next bracket outside of a string, an unclosed quote, or the end.
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+(["{}\[\]]|\Z)', re.DOTALL)

_QUOTES = re.compile(rb'[^"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"]*+)*+', re.DOTALL)

#: Everything between two commas outside of strings.
_SCALAR = re.compile(rb'(?:[^",]++|"(?:[^"\\]++|\\.)*+"?)++', re.DOTALL)

#: The key before an array that is a member of an object.
_KEY = re.compile(rb'(?<!\\)"((?:[^"\\]++|\\.)*+)"\s*:\s*\Z', re.DOTALL)

#: Depth from which nothing is separated: no decoder reads it, and counting millions of brackets takes long.
_DEEPEST = 100_000

_DEEPER = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

_BLANK = b" \t\r\n"


class Broken(Exception):
    """Brackets or quotes are not paired.

    :ivar begin: offset from which values cannot be separated.
    """

    def __init__(self, begin: int) -> None:
        super().__init__()
        self.begin = begin


def is_paired(text: bytes) -> bool:
    """Return whether all brackets and quotes of *text* are paired."""
    try:
        for _ in values(text):
            pass
    except Broken:
        return False
    return True


def has_paired_quotes(line: bytes) -> bool:
    """Return whether each string that begins in *line* ends in it."""
    return _QUOTES.fullmatch(line) is not None


def values(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each value of *text*; anything between objects and arrays counts as one value.

    :raises Broken: brackets or quotes are not paired.
    """
    at = 0
    while True:
        end = _bracket(text, at)
        yield from _stripped(text, at, end)
        if end == len(text):
            return
        at = _behind(text, end)
        yield end, at


def items(text: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each item of an array, whose opening bracket is before *at*.

    :raises Broken: brackets or quotes are not paired.
    """
    while True:
        end = _bracket(text, at)
        if end == len(text):
            raise Broken(at)
        for scalar in _SCALAR.finditer(text, at, end):
            yield from _stripped(text, *scalar.span())
        if text[end : end + 1] == b"]":
            return
        if text[end : end + 1] == b"}":
            raise Broken(end)
        at = _behind(text, end)
        yield end, at


def arrays(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield, for each member of the object *text* that is an array, its key and the offset of its items.

    :raises Broken: brackets or quotes are not paired.
    """
    at = text.find(b"{") + 1
    while True:
        end = _bracket(text, at)
        mark = text[end : end + 1]
        if mark == b"[" and (key := _KEY.search(text[at:end])) is not None:
            yield key[1], end + 1
        elif mark not in (b"{", b"["):
            return
        at = _behind(text, end)


def _bracket(text: bytes, at: int) -> int:
    """Return the offset of the next bracket; the end of *text* if there is none."""
    found = _TO_BRACKET.match(text, at)
    if found is None or found[1] == b'"':
        raise Broken(at)
    return found.start(1)


def _behind(text: bytes, begin: int) -> int:
    """Return the offset after the bracket that closes the one at *begin*."""
    depth = 0
    for found in _TO_BRACKET.finditer(text, begin):
        if found[1] not in _DEEPER:
            break
        depth += _DEEPER[found[1]]
        if not 0 < depth < _DEEPEST:
            break
    if depth:
        raise Broken(begin)
    return found.end()


def _stripped(text: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    part = text[begin:end]
    if stripped := part.strip(_BLANK):
        begin += len(part) - len(part.lstrip(_BLANK))
        yield begin, begin + len(stripped)
