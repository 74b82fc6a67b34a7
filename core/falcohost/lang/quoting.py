"""Quotes and escapes of constants: reads quoted strings, and writes values back.

Bare strings have no escapes; a backslash in them is a backslash.
"""

from __future__ import annotations

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", " ": "\\", "\\": "\\", "/": "/"}
_WRITTEN = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
_NEEDS_QUOTES = frozenset("\b\f\n\r\t =\\\"'\0")


class EscapeError(ValueError):
    """A quoted string has a backslash before a character that cannot be escaped."""


def unquote(quoted: str) -> str:
    r"""Return the value of the quoted string *quoted*, which includes its quotes.

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
    """Return *value* as it is written in a condition: bare if possible, else in double quotes."""
    if _NEEDS_QUOTES.isdisjoint(value):
        return value
    return '"' + "".join(_WRITTEN.get(character, character) for character in value) + '"'
