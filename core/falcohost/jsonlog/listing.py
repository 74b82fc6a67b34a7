"""Lists files to read: those in folders, and the rotated versions of a log."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_ROTATION = re.compile(r"[.-]\d[\dTZ:._-]*(?=\.|$)")


def in_folder(folder: Path, suffixes: tuple[str, ...], *, recursive: bool) -> Iterator[Path]:
    """Yield the non-hidden files in *folder* whose names end in one of *suffixes*; without suffixes, all.

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
    """Return *path* without the number or date from rotation and without ``.gz``."""
    folder, _, name = path.removesuffix(".gz").rpartition("/")
    return f"{folder}/{_ROTATION.sub('', name)}"


def rotated(path: Path) -> Iterator[Path]:
    """Yield rotated versions of *path* in its folder: with a number or a date, perhaps compressed."""
    pattern = re.compile(
        rf"(?:{re.escape(path.name)}|{re.escape(path.stem)})[.-]\d[\dTZ:._-]*(?:{re.escape(path.suffix)})?(?:\.gz)?"
    )
    for name in os.listdir(path.parent):  # noqa: PTH208
        if pattern.fullmatch(name):
            yield path.parent / name
