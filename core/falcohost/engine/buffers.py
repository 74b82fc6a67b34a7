"""Formats buffers as text: with dots for unprintable bytes, or in base64 (``buffer_format_base64``).

The format is set once for the whole process, before the first event, like a locale.
"""

from __future__ import annotations

import base64

#: Falco shows this many bytes of a buffer.
LIMIT = 1023


class _Form:
    base64 = False


def show_as_base64(on: bool) -> None:
    """Set the format for this process and those that it forks."""
    _Form.base64 = on


def buffer_text(data: bytes) -> str:
    """Return *data* as text."""
    if _Form.base64:
        return base64.b64encode(data).decode("ascii")
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data[:LIMIT])
