"""Checks that a description is a sentence in one line, as listings show it."""

from __future__ import annotations


def is_sentence(text: str) -> bool:
    """Return whether *text* is one line that ends with a full stop. It may begin with a name in lower case."""
    return len(text.splitlines()) == 1 and text == text.strip() and text.endswith(".")
