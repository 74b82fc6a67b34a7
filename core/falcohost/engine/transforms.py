"""The functions behind transformers: ``tolower``, ``b64``, ``join`` and the rest.

Every function accepts and returns None for an absent value. A list is a tuple.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from falcohost.engine.texts import ascii_lower, ascii_upper, bytes_text, text_bytes

_T = TypeVar("_T", str, bytes)


def unary(name: str, is_list: bool, is_bytes: bool) -> Callable[[Any], Any]:
    """Return the function of a transformer with one argument, for the type of that argument."""
    if name == "len":
        return count if is_list or is_bytes else byte_length
    return functools.partial(each if is_list else present, _FUNCTIONS[name])


def present(function: Callable[[Any], Any], value: Any) -> Any:
    """Return ``function(value)``, or None for an absent value."""
    return None if value is None else function(value)


def each(function: Callable[[Any], Any], values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Return *function* of every element; None if it is None for any of them."""
    if values is None:
        return None
    results = tuple(map(function, values))
    return None if None in results else results


def basename(path: str) -> str:
    """Return the part after the last slash."""
    return path[path.rfind("/") + 1 :]


def decoded(text: _T) -> _T | None:
    """Return *text* decoded from base64 (standard alphabet, padding optional), or None if it is not base64."""
    if isinstance(text, bytes):
        return _decoded(text)
    plain = _decoded(text_bytes(text))
    return None if plain is None else bytes_text(plain)


def _decoded(data: bytes) -> bytes | None:
    bare = data[:-2] if data.endswith(b"==") else data.removesuffix(b"=")
    try:
        plain = base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return None
    # As in Falco, bits after the last whole byte must be zero.
    return plain if base64.b64encode(plain).rstrip(b"=") == bare else None


def count(values: tuple[Any, ...] | bytes | None) -> int | None:
    """Return the number of elements or bytes."""
    return None if values is None else len(values)


def byte_length(text: str | None) -> int | None:
    """Return the number of bytes of the text."""
    if text is None:
        return None
    return len(text) if text.isascii() else len(text_bytes(text))


def list_of(*items: Any) -> tuple[str, ...] | None:
    """Return a list literal, with numbers as text and lists spliced in; None if an item is absent."""
    elements: list[str] = []
    for item in items:
        if item is None:
            return None
        elements.extend(map(_as_text, item if isinstance(item, tuple) else (item,)))
    return tuple(elements)


def join(separator: str | None, values: tuple[Any, ...] | None) -> str | None:
    """Return the elements with *separator* between them."""
    if separator is None or values is None:
        return None
    return separator.join(map(_as_text, values))


def concat(*texts: str | None) -> str | None:
    """Return the concatenated *texts*; None if one is absent."""
    if None in texts:
        return None
    return "".join(texts)  # type: ignore[arg-type]


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tolower": ascii_lower,
    "toupper": ascii_upper,
    "basename": basename,
    "b64": decoded,
}
