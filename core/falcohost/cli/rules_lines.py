"""Wraps styled words into lines that fit the terminal."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import click

from falcohost.engine.texts import printable

#: A text and its style (arguments of :func:`click.style`).
Span: TypeAlias = tuple[str, Mapping[str, Any]]

PLAIN: Mapping[str, Any] = {}
STRONG: Mapping[str, Any] = {"bold": True}
FAINT: Mapping[str, Any] = {"dim": True}
NAME: Mapping[str, Any] = {"fg": "cyan"}

_NARROWEST, _WIDEST = 40, 140

#: Quoted texts longer than this may be wrapped.
_QUOTED = 60


def width() -> int:
    """Return the number of columns to use: the terminal's, between 40 and 140; 100 without a terminal."""
    return max(min(shutil.get_terminal_size((100, 24)).columns, _WIDEST), _NARROWEST)


def clean(text: str) -> str:
    """Return *text* with control characters escaped, since it may come from an attacker."""
    return printable(text.expandtabs(4))


def lines(spans: Iterable[Span], first: str = "", later: str = "", *, columns: int | None = None) -> Iterator[str]:
    """Yield *spans* as lines, wrapped at blanks; *first* precedes the first line, *later* the others."""
    columns = width() if columns is None else columns
    line, used, begin = [first], len(click.unstyle(first)), True
    for word in _words(spans):
        size = sum(len(text) for text, _ in word)
        if not begin and used + 1 + size > columns:
            yield "".join(line)
            line, used, begin = [later], len(click.unstyle(later)), True
        if not begin:
            line.append(" ")
            used += 1
        line += [click.style(text, **style) if style else text for text, style in word]
        used += size
        begin = False
    yield "".join(line)


def _words(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Yield the unbreakable words: parts of spans between blanks, and short quoted texts."""
    word: list[Span] = []
    for unsafe, style in spans:
        text = clean(unsafe)
        for part in [text] if text.startswith('"') and len(text) <= _QUOTED else re.split("( +)", text):
            if part.startswith(" "):
                if word:
                    yield word
                word = []
            elif part:
                word.append((part, style))
    if word:
        yield word
