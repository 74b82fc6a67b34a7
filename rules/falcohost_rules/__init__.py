"""Rules that are about more than one event source, and the lists that they share. Loaded where no rules are configured.

A folder is a subject: ``lists.yaml`` is what its rules share, and each further file is named after the source of its
rules. The rules of one source alone are in its plugin.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

_LISTS = "lists.yaml"


def shared_rules(sources: Collection[str]) -> list[Path]:
    """Return the rules files for *sources*, lists before the rules that use them."""
    found: list[Path] = []
    for folder in sorted(path.parent for path in Path(__file__).parent.glob(f"*/{_LISTS}")):
        rules = [path for path in sorted(folder.glob("*.yaml")) if path.stem in sources]
        found += [folder / _LISTS, *rules] if rules else []
    return found
