"""How the bytes of a buffer look in text: dots for what is not printable, or base64 (``buffer_format_base64``).

Which of the two it is, is said once for the whole process, before the first event, as a locale is.
"""

from __future__ import annotations

import base64

#: Falco shows this many bytes of a buffer.
LIMIT = 1023


class _Form:
    base64 = False


def show_as_base64(on: bool) -> None:
    """Say for this process, and those that it forks, how buffers look."""
    _Form.base64 = on


def buffer_text(data: bytes) -> str:
    """Return *data* as text."""
    if _Form.base64:
        return base64.b64encode(data).decode("ascii")
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data[:LIMIT])
