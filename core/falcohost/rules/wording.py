"""Rewords Falco's messages for people, and says how to fix the error."""

from __future__ import annotations

import re

_NO_FIELD = re.compile(r"(?:unknown filter: )?filter_check called with nonexistent field (.*)", re.DOTALL)
_NO_MACRO = re.compile(r"Undefined macro '(.*)' used in filter\.", re.DOTALL)
_AFTER_WORD = re.compile(r"unexpected token after '([a-zA-Z][a-zA-Z0-9_]*)', expecting 'or', 'and'")


def said(message: str) -> str | None:
    """Return *message* in plainer words, or None if it is plain."""
    match = _NO_FIELD.fullmatch(message)
    if match:
        return f"unknown field {match[1]}"
    match = _NO_MACRO.fullmatch(message)
    if match:
        return f"unknown macro {match[1]}"
    return None


def hint_for_syntax(message: str) -> str | None:
    """Return how to fix the syntax error *message*, or None if that is not known."""
    match = _AFTER_WORD.fullmatch(message)
    if match:
        return f"'{match[1]}' ends a condition here; write 'and' or 'or' after it, or put values with blanks in quotes"
    if message.startswith("unsupported string escape sequence"):
        return "inside quotes, write a backslash twice"
    if message.startswith("expected a string value"):
        return "put values with blanks, brackets, commas or quotes in double quotes"
    return None
