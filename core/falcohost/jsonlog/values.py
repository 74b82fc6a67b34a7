"""Small conversions of JSON values that fields of many logs need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def elements(value: Any) -> Sequence[Any]:
    """Return *value* if it is an array, else an empty sequence."""
    return value if isinstance(value, list) else ()
