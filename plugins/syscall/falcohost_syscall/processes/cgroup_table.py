"""What is remembered of the cgroups behind keys: of thousands, most of which have ended, in little memory."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, Final, Generic, TypeAlias, TypeVar

from msgspec import Struct

#: Number of keys that are remembered, and how many are left when some are forgotten. The kernel tells of a cgroup again
#: when it has met 4,096 others since that was last used, so that more have to be remembered here.
LIMIT: Final = 16_384
LEFT: Final = 12_288

#: The cgroups behind keys, as ``subsystem=path``; a text: it is the only one.
Cgroups: TypeAlias = dict[int, str | tuple[str, ...]]

_Found = TypeVar("_Found")


class _Row(Struct, frozen=True, gc=False):
    """Cgroups, and what was found behind them."""

    found: Any
    cgroups: tuple[str, ...]


class CgroupTable(Generic[_Found]):
    """The cgroups behind keys, and what was found there, which is mostly the *usual*: then only the cgroups are kept.

    :ivar dropped: number of keys in use that were forgotten, since there were too many.
    """

    def __init__(self, usual: _Found) -> None:
        self.dropped = 0
        self._usual = usual
        self._rows: dict[int, str | tuple[str, ...] | _Row] = {}

    def set(self, key: int, found: _Found, cgroups: tuple[str, ...]) -> None:
        """Remember what was *found* behind a key."""
        if found is not self._usual:
            self._rows[key] = _Row(found, cgroups)
        else:
            self._rows[key] = cgroups[0] if len(cgroups) == 1 else cgroups

    def get(self, key: int) -> _Found:
        """Return what was found behind *key*; the usual if nothing is known of it."""
        row = self._rows.get(key)
        found: _Found = row.found if isinstance(row, _Row) else self._usual
        return found

    def cgroups(self, key: int) -> tuple[str, ...]:
        """Return the cgroups behind *key* as ``subsystem=path``."""
        row = self._rows.get(key, ())
        if isinstance(row, str):
            return (row,)
        return row.cgroups if isinstance(row, _Row) else row

    def known(self) -> Cgroups:
        """Return the cgroups behind all keys, those told of last at the end."""
        return {key: row.cgroups if isinstance(row, _Row) else row for key, row in self._rows.items()}

    def make_room_for(self, key: int, used: Callable[[], Set[int]]) -> list[int]:
        """Make room for *key* as the last one; return what was forgotten for it.

        Those are the oldest keys that are not in what *used* returns, and others only if that does not suffice. What is
        used stands last from now on: the kernel, too, remembers by use, and would not tell of it again.
        """
        self._rows.pop(key, None)
        if len(self._rows) < LIMIT:
            return []
        in_use = used()
        forgotten = [one for one in self._rows if one not in in_use][: LIMIT - LEFT]
        if forgotten:
            for one in forgotten:
                del self._rows[one]
            # Made anew: a dictionary that is taken from at one end and added to at the other becomes twice as large.
            kept = {one: row for one, row in self._rows.items() if one not in in_use}
            kept.update((one, row) for one, row in self._rows.items() if one in in_use)
            self._rows = kept
        while len(self._rows) >= LIMIT:
            forgotten.append(next(iter(self._rows)))
            del self._rows[forgotten[-1]]
            self.dropped += 1
        return forgotten
