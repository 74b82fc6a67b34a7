"""stat(2) results of files, to detect later that a file has changed since it was read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias


class Stamp(NamedTuple):
    """Identity, size and times (in nanoseconds) of a file or folder."""

    modified: int
    changed: int
    size: int
    device: int
    inode: int


#: Stamps by path; None: it does not exist or cannot be examined.
Stamps: TypeAlias = Mapping[str, Stamp | None]


def stamps(paths: Iterable[str]) -> dict[str, Stamp | None]:
    """Return the stamps of *paths*; links are followed. Call this before reading, so that no change is missed."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 # all files are looked at each second
    except (OSError, ValueError):
        return None
    return Stamp(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_dev, status.st_ino)
