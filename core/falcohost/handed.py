"""The descriptors that the supervisor handed to this process, and those that it hands up (:mod:`falcohost.kept`)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

#: Most descriptors that are kept for one source.
MOST_KEPT: Final = 128

#: This process's descriptors by name: those of an earlier worker, and those that the supervisor is to keep.
INHERITED: Final[dict[str, tuple[int, ...]]] = {}
KEPT: Final[dict[str, tuple[int, ...]]] = {}
#: Further descriptors that the supervisor is to hold, and that no other process gets.
HELD: Final[list[int]] = []


def inherit(kept: Mapping[str, Sequence[int]]) -> None:
    """Take over the descriptors that the supervisor has kept, by name."""
    INHERITED.update((name, tuple(descriptors)) for name, descriptors in kept.items())


def taken() -> Mapping[str, Sequence[int]]:
    """Return the descriptors to keep, by name; close those inherited ones that the source has not asked for."""
    for unused in INHERITED.values():
        for descriptor in unused:
            os.close(descriptor)
    INHERITED.clear()
    return KEPT
