"""What counts as a description: a sentence as it stands in a listing."""

from __future__ import annotations


def is_sentence(text: str) -> bool:
    """Return whether *text* begins with no lower-case letter and ends with a full stop."""
    return not text[:1].islower() and text.endswith(".")
