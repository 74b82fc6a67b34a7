"""The distinct values of the fields in a rule's output, over matches that are folded into one alert.

Whoever hides one file among thousands chooses the others. So all values are kept, up to limits that make a fold end and
another one begin (:mod:`falcohost.pipeline.fold`). Only in a flood that goes beyond these, what is kept is a sample, in
which places with few values are safe: what somebody does below a folder of his own pushes out nothing of another's.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from falcohost.engine.code.output import shown_value
from falcohost.engine.ir import FieldRef
from falcohost.engine.texts import valid

#: Most values of a field that are listed in one alert, and characters of all.
MOST_VALUES = 2048
MOST_CHARACTERS = 1 << 16

#: Most characters of a value: half of them from its beginning, half from its end.
MOST_CHARACTERS_OF_ONE = 512

#: Levels of folders that are told apart in a sample.
_LEVELS = 4

#: How often a value is looked for that may give way to another one.
_TRIES = 16


class Distinct:
    """The values of *fields*, in the order in which they came; *sampling*: keep a sample once it is full.

    :ivar left_out: number of values that are not in the sample.
    """

    __slots__ = ("_fields", "_known", "_last", "_most", "_samples", "_size", "left_out", "sampling")

    def __init__(self, fields: Sequence[FieldRef], *, sampling: bool = False) -> None:
        self.left_out = 0
        self.sampling = sampling
        self._fields = fields
        self._known: list[dict[object, None]] = [{} for _ in fields]
        self._last: Sequence[Any] = ()
        self._samples: dict[int, _Sample] = {}
        self._size = self._most = 0

    def add(self, values: Sequence[Any]) -> None:
        """Add the values of one match (:attr:`falcohost.engine.template.Template.shown`)."""
        last, self._last = self._last, values
        if values == last:
            return
        for place, value in enumerate(values):
            if not last or value != last[place]:
                key = _key(shown_value(self._fields[place], value))
                if key not in self._known[place]:
                    self._add(place, key)

    @property
    def full(self) -> bool:
        """Return whether there are so many that they are to be told."""
        return self._size >= MOST_CHARACTERS or self._most >= MOST_VALUES

    def listed(self) -> dict[str, list[object]]:
        """Return the values of each field that has several."""
        found = zip(self._fields, self._known, strict=True)
        return {valid(ref.text): [*known] for ref, known in found if len(known) > 1}

    def _add(self, place: int, key: object) -> None:
        known = self._known[place]
        sample = self._samples.get(place)
        if self.sampling and self.full:
            self.left_out += 1
            if sample is None:
                sample = self._samples[place] = _Sample(known)
            gone = sample.replaced(key)
            if gone is key:
                return
            del known[gone]
            self._size -= _size(gone)
        elif sample is not None:
            sample.append(key)
        known[key] = None
        self._size += _size(key)
        self._most = max(self._most, len(known))


class _Sample:
    """The values of one field, from which one is taken at random, and how many there are in each folder."""

    def __init__(self, values: Mapping[object, None]) -> None:
        self._values: list[object] = []
        self._inside: Counter[str] = Counter()
        self._folders: Counter[str] = Counter()
        for value in values:
            self.append(value)

    def append(self, value: object) -> None:
        """Add *value*."""
        self._values.append(value)
        for above, folder in _levels(value):
            self._folders[above] += folder not in self._inside
            self._inside[folder] += 1

    def replaced(self, value: object) -> object:
        """Put *value* in the place of another one, and return that; return *value* itself if none gives way."""
        for _ in range(_TRIES):
            place = _below(len(self._values))
            old = self._values[place]
            if self._gives_way(old):
                self._remove(place, old)
                self.append(value)
                return old
        return value

    def _gives_way(self, value: object) -> bool:
        """Return whether at each level the folder of *value* has no fewer values than others on average."""
        whole = len(self._values)
        for above, folder in _levels(value):
            if self._inside[folder] * self._folders[above] < whole:
                return False
            whole = self._inside[folder]
        return True

    def _remove(self, place: int, value: object) -> None:
        self._values[place] = self._values[-1]
        self._values.pop()
        for above, folder in _levels(value):
            self._inside[folder] -= 1
            if not self._inside[folder]:
                del self._inside[folder]
                self._folders[above] -= 1


def _levels(value: object) -> Iterator[tuple[str, str]]:
    """Yield the folders of *value*, each after the one above it; the last is the value itself or stands for many."""
    above = ""
    for part in str(value).split("/", _LEVELS + 1)[: _LEVELS + 1]:
        folder = f"{above}/{part}"
        yield above, folder
        above = folder


def _key(value: object) -> object:
    """Return *value* as it is kept: a number or a text that is not too long."""
    if isinstance(value, str):
        half = MOST_CHARACTERS_OF_ONE // 2
        return value if len(value) <= MOST_CHARACTERS_OF_ONE else f"{value[:half]}…{value[-half:]}"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _key(str(value))


def _size(key: object) -> int:
    return len(key) + 8 if isinstance(key, str) else 8


def _below(most: int) -> int:
    """Return a random number below *most*. Each fork of a process with Python's generator copies 40 pages for it."""
    return int.from_bytes(os.urandom(8), "big") % most
