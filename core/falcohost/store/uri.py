"""How SQLite is told the file of a database by a URI (https://sqlite.org/uri.html).

``Path.as_uri`` would import ``urllib.parse``, which the store process has no other use for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: The bytes that stand for themselves.
_PLAIN: Final = frozenset(b"/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def uri(path: Path, mode: str) -> str:
    """Return the URI of the database *path*, to be opened in this *mode*: ``ro``, ``rw`` or ``rwc``."""
    name = os.fsencode(path.absolute())
    return f"file://{''.join(chr(byte) if byte in _PLAIN else f'%{byte:02X}' for byte in name)}?mode={mode}"
