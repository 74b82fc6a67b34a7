"""Which files there are to read: those of folders, and those that a log has become by rotation."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_ROTATION = re.compile(r"[.-]\d[\dTZ:._-]*(?=\.|$)")


def in_folder(folder: Path, suffixes: tuple[str, ...], *, recursive: bool) -> Iterator[Path]:
    """Yield the files of *folder* that are not hidden and end in one of *suffixes*; none: all.

    :raises OSError: the folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise error

    for here, below, names in os.walk(folder, onerror=fail):
        for name in names:
            path = Path(here, name)
            if not name.startswith(".") and name.endswith(suffixes or "") and path.is_file():
                yield path
        if not recursive:
            below.clear()


def family(path: str) -> str:
    """Return *path* without the number or date that rotation gives it, and without that it is packed."""
    folder, _, name = path.removesuffix(".gz").rpartition("/")
    return f"{folder}/{_ROTATION.sub('', name)}"


def rotated(path: Path) -> Iterator[Path]:
    """Yield what stands beside *path* under a name that rotation gives: with a number or a date, also packed."""
    pattern = re.compile(
        rf"(?:{re.escape(path.name)}|{re.escape(path.stem)})[.-]\d[\dTZ:._-]*(?:{re.escape(path.suffix)})?(?:\.gz)?"
    )
    for name in os.listdir(path.parent):  # noqa: PTH208
        if pattern.fullmatch(name):
            yield path.parent / name
