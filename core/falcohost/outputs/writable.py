"""Finds out whether a file could be written, without creating or opening it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def write_problem(path: str) -> str | None:
    """Return why *path* cannot be written, as open(2) would say it; None if it can."""
    file = Path(path)
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return _creation_problem(file)
    except OSError as error:
        return error.strerror
    if stat.S_ISDIR(mode):
        return os.strerror(errno.EISDIR)
    return None if os.access(file, os.W_OK, effective_ids=True) else os.strerror(errno.EACCES)


def _creation_problem(file: Path) -> str | None:
    """Return why *file*, which does not exist, cannot be created."""
    if not file.parent.is_dir():
        return os.strerror(errno.ENOENT)
    allowed = os.access(file.parent, os.W_OK | os.X_OK, effective_ids=True)
    return None if allowed else os.strerror(errno.EACCES)
