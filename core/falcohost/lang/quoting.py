"""Quotes and escapes of constants: how a quoted text is read, and how a value is written back.

Bare texts have no escapes; a backslash in them is a backslash.
"""

from __future__ import annotations

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", " ": "\\", "\\": "\\", "/": "/"}
_WRITTEN = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
_NEEDS_QUOTES = frozenset("\b\f\n\r\t =\\\"'\0")


class EscapeError(ValueError):
    """A quoted text has a backslash before something that cannot be escaped."""


def unquote(quoted: str) -> str:
    r"""Return what *quoted* (with its quotes) stands for.

    :raises EscapeError: an escape is not among ``\b \f \n \r \t \\ \/``, the own quote, and a blank (which
        leaves the backslash alone).
    """
    if "\\" not in quoted:
        return quoted[1:-1]
    quote, found = quoted[0], []
    characters = iter(quoted[1:-1])
    for character in characters:
        found.append(_escaped(next(characters, ""), quote) if character == "\\" else character)
    return "".join(found)


def _escaped(character: str, quote: str) -> str:
    if character == quote:
        return character
    if character in ('"', "'"):
        raise EscapeError(f"invalid \\{character} escape in {quote}-quoted string")
    try:
        return _ESCAPES[character]
    except KeyError:
        raise EscapeError(f"unsupported string escape sequence: \\{character}") from None


def quote(value: str) -> str:
    """Return *value* as it must stand in a condition: bare where that is possible, else in double quotes."""
    if _NEEDS_QUOTES.isdisjoint(value):
        return value
    return '"' + "".join(_WRITTEN.get(character, character) for character in value) + '"'
