"""Text from events: Falco compares and shows bytes, Python has str; this is where the two meet.

Bytes that are not UTF-8 reach us as lone surrogates (``surrogateescape``). Whatever writes text out, or hands it to
RE2, has to come here first.
"""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"

_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr((plane << 16) + 0xFFFE) + chr((plane << 16) + 0xFFFF) for plane in range(17)
)
_UNPRINTABLE = re.compile(f"[\x00-\x1f\x7f-\x9f{_NONCHARACTERS}]")


def text_bytes(text: str) -> bytes:
    """Return the bytes that *text* stands for; what was not UTF-8 comes back as it was."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def bytes_text(data: bytes) -> str:
    """Return *data* as the text that stands for it; :func:`text_bytes` gives the bytes back."""
    return data.decode("utf-8", "surrogateescape")


def ascii_lower(text: str) -> str:
    """Return *text* with A-Z made small, as tolower(3) does in the C locale: no other letters."""
    return text.lower() if text.isascii() else bytes_text(text_bytes(text).lower())


def ascii_upper(text: str) -> str:
    """Return *text* with a-z made large, as toupper(3) does in the C locale: no other letters."""
    return text.upper() if text.isascii() else bytes_text(text_bytes(text).upper())


def valid(text: str) -> str:
    """Return *text* with each maximal sequence that is not UTF-8 replaced by U+FFFD (Unicode 3.9)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text_bytes(text).decode("utf-8", "replace")
    return text


def printable(text: str) -> str:
    """Return *text* fit for a line of output: what is not UTF-8, control characters and non-characters are U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(REPLACEMENT, valid(text))
