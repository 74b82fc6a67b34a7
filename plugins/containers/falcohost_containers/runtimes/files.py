"""Reads files that runtimes keep, some of which users may replace by anything."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from falcohost_containers.runtimes.engine import MOST_BYTES


def read(path: Path) -> bytes | None:
    """Return the content of a regular file; None: there is none. Links are not followed, and nothing is waited for.

    :raises OSError: it cannot be read, or is too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise OSError(f"{path} is no regular file, or too large")
        return file.read(status.st_size + 1)
