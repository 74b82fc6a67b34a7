"""Lists files to read: those in folders, and the rotated versions of a log."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

#: Most entries of a folder that are examined for links.
_MOST_EXAMINED = 10_000

_ROTATION = re.compile(r"[.-]\d[\dTZ:._-]*(?=\.|$)")


def in_folder(folder: Path, suffixes: tuple[str, ...], *, recursive: bool) -> Iterator[Path]:
    """Yield the non-hidden files in *folder* whose names end in one of *suffixes*; without suffixes, all.

    A file that cannot be examined is among them.

    :raises OSError: the folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise error

    for here, below, names in os.walk(folder, onerror=fail):
        for name in names:
            path = Path(here, name)
            if not name.startswith(".") and name.endswith(suffixes or "") and _may_be_file(path):
                yield path
        if not recursive:
            below.clear()


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True


def has_links(path: Path) -> bool:
    """Return whether *path* is a folder in which root has made symbolic links, as those of Kubernetes."""
    try:
        with os.scandir(path) as entries:
            return any(
                entry.is_symlink() and entry.stat(follow_symlinks=False).st_uid == 0
                for entry in itertools.islice(entries, _MOST_EXAMINED)
            )
    except OSError:
        return False


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
