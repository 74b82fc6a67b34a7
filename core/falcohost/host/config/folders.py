"""The YAML files that a folder stands for, where ``rules_files`` or ``config_files`` names one."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".yaml", ".yml")


def yaml_files(folder: str) -> list[str]:
    """Return the ``.yaml`` and ``.yml`` files in *folder*, sorted.

    Files that cannot be read, such as a FIFO or a broken link, are included, so that they are reported; an editor's
    lock, which is a broken link whose name begins with a dot, is not.

    :raises OSError: the folder cannot be read.
    """
    return sorted(str(entry) for entry in Path(folder).iterdir() if entry.suffix in SUFFIXES and _counts(entry))


def _counts(entry: Path) -> bool:
    return entry.is_file() or not (entry.is_dir() or entry.name.startswith("."))
