"""Parses output templates: text, and after each ``%`` the longest possible field or transformer.

Digits after the ``%`` set the width of a column. A leading ``*`` is allowed and has no effect: absent values never
suppress an alert. As in Falco, a literal ``%`` cannot be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ir import FieldRef, Transform
from falcohost.engine.operandcheck import check_left

# Possessive, so that hostile names in rules files cannot cause backtracking.
_FIELD = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*+(?:\.[a-zA-Z][a-zA-Z0-9_]*+)++")
_ARGUMENT = re.compile(r"""\[(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^]\["'\s]+)\]""")
_TRANSFORMER = re.compile(r"(?:tolower|toupper|b64|basename|len|join|concat|getopt)\(")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_DIGITS = re.compile("[0-9]*")

#: Widest column.
MAX_WIDTH = 4096

#: Longest name for which shorter prefixes are tried.
_MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class Token:
    """A placeholder in a template; with *width* 0 it is as wide as the value."""

    operand: FieldRef | Transform
    width: int = 0


def tokens(text: str, catalog: Catalog) -> Iterator[str | Token]:
    """Yield the parts of the template *text*.

    :raises TypeCheckError: a ``%`` is not followed by a known field; the message is Falco's.
    """
    if not text:
        raise TypeCheckError("empty formatting token")
    start = 1 if text.startswith("*") else 0
    while start < len(text):
        percent = text.find("%", start)
        if percent < 0:
            yield text[start:]
            return
        if percent > start:
            yield text[start:percent]
        token, start = _token(text, percent, catalog)
        yield token


def _token(text: str, percent: int, catalog: Catalog) -> tuple[Token, int]:
    digits = _DIGITS.match(text, percent + 1)
    assert digits is not None
    if digits.end() == len(text):
        what = "number" if digits[0] else "%"
        message = f"invalid formatting syntax: formatting cannot end with a {what}"
        from falcohost.lang.syntax import position_at

        raise TypeCheckError(message, position_at(text, percent))
    operand, end = find_operand(text, digits.end(), catalog)
    return Token(operand, min(int(digits[0][:6] or 0), MAX_WIDTH)), end


def find_operand(text: str, start: int, catalog: Catalog) -> tuple[FieldRef | Transform, int]:
    """Return the longest field or transformer that begins at *start*, and its end.

    :raises TypeCheckError: the catalog knows none.
    """
    field = _FIELD.match(text, start)
    if field is not None and not text.startswith("[", field.end()) and catalog.has(field[0]):
        with suppress(TypeCheckError):  # else a beginning of it may be a field
            return catalog.resolve(field[0]), field.end()
    from falcohost.lang.syntax import ConditionSyntaxError  # few outputs have more than names of fields

    error: Exception | None = None
    for end in _ends(text, start, catalog):
        try:
            return _operand(text[start:end], catalog), end
        except (ConditionSyntaxError, TypeCheckError) as failure:
            error = error or failure
    raise _unknown(text, start, catalog, error)


def _operand(text: str, catalog: Catalog) -> FieldRef | Transform:
    if _FIELD.fullmatch(text):
        return catalog.resolve(text)
    from falcohost.lang.parser import parse_operand

    return check_left(parse_operand(text), catalog)


def _ends(text: str, start: int, catalog: Catalog) -> Iterator[int]:
    """Yield the possible ends of a field or transformer that begins at *start*, longest first."""
    transformer = _TRANSFORMER.match(text, start)
    if transformer is not None:
        end = _closing(text, transformer.end())
        yield from _with_argument(text, end)
        return
    field = _FIELD.match(text, start)
    if field is None:
        return
    if catalog.has(field[0]):
        yield from _with_argument(text, field.end())
    for end in range(field.end() - 1, start, -1) if field.end() - start <= _MAX_NAME else ():
        if catalog.has(text[start:end]) and _FIELD.fullmatch(text, start, end):
            yield end


def _with_argument(text: str, end: int) -> Iterator[int]:
    argument = _ARGUMENT.match(text, end)
    if argument is not None:
        yield argument.end()
    yield end


def _closing(text: str, place: int) -> int:
    """Return the position after the parenthesis that closes the one before *place*, or the end of *text*."""
    depth = 1
    while place < len(text) and depth:
        quoted = _QUOTED.match(text, place)
        if quoted is not None:
            place = quoted.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        place += 1
    return place


def _unknown(text: str, start: int, catalog: Catalog, error: Exception | None) -> TypeCheckError:
    from falcohost.lang.syntax import position_at

    pos = position_at(text, start)
    field = _FIELD.match(text, start)
    if error is not None:
        hint = error.hint if isinstance(error, TypeCheckError) else None
        return TypeCheckError(f"unknown filter: {error}", pos, unknown=True, hint=hint)
    if field is None:
        message = f"'{text[start : start + 20]}' is neither a field nor a transformer"
        return TypeCheckError(f"unknown filter: {message}", pos, unknown=True)
    near = catalog.near(field[0])
    hint = f"did you mean %{near}?" if near is not None else None
    message = f"filter_check called with nonexistent field {field[0]}"
    return TypeCheckError(f"unknown filter: {message}", pos, unknown=True, hint=hint)
