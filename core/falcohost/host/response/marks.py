"""Marks: which actions were taken for which alert, written before they are taken, so that none is taken twice.

A mark that is written survives the end of any process. An action that was marked and not taken, since its process was
killed between both, is not taken later. The marks are in two files by turns: when one is full, the other begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

#: Bytes after which the other file begins anew. A mark takes some 50.
FULL: Final = 1 << 20


class Marks:
    """The marks in the two files with these *descriptors*, which are open for reading and appending."""

    def __init__(self, descriptors: Sequence[int], full: int = FULL) -> None:
        self._files = list(descriptors)
        self._full = full
        texts = [_text(one) for one in self._files]
        self._known = [set(text.split("\n")) for text in texts]
        self._sizes = [len(text) for text in texts]
        self._now = 0 if self._sizes[0] < full else 1
        for place, text in enumerate(texts):
            if text and not text.endswith("\n"):  # a machine that lost its power in the middle of one
                self._write(place, "\n")

    def has(self, mark: str) -> bool:
        """Return whether *mark* was written."""
        return any(mark in known for known in self._known)

    def add(self, mark: str) -> None:
        """Write *mark*, which has no line break.

        :raises OSError: it cannot be written.
        """
        if self._sizes[self._now] >= self._full:
            other = 1 - self._now
            os.ftruncate(self._files[other], 0)
            self._known[other], self._sizes[other], self._now = set(), 0, other
        self._write(self._now, f"{mark}\n")
        self._known[self._now].add(mark)

    def _write(self, place: int, text: str) -> None:
        data = text.encode()
        written = os.write(self._files[place], data)
        self._sizes[place] += written
        if written < len(data):
            raise OSError(0, "the disk has taken only a part of the mark")


def _text(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode(errors="replace")
