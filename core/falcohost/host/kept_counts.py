"""Keeps what a worker has only counted, in memory that its successor reads."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec

from falcohost import lasting
from falcohost.alert import NO_METADATA, Alert, RuleMetadata
from falcohost.lasting import Memory
from falcohost.log import log
from falcohost.store.body import decode, encode
from falcohost.store.metadata import NO_KEY, by_key

#: Size of each half of the memory, which takes only what is written.
HALF: Final = 16 << 20


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    mark: int
    bodies: list[bytes]
    metadata: list[RuleMetadata]


def make_memory() -> int:
    """Return the descriptor of the memory for all workers of a source."""
    return lasting.make("falcohost counted matches", HALF)


class KeptCounts:
    """The alerts in the memory with this *descriptor*."""

    def __init__(self, descriptor: int) -> None:
        self._memory = Memory(descriptor)

    def left(self, mark: int) -> Sequence[Alert]:
        """Return what an earlier worker has kept, whose position has this *mark*.

        It may have been taken over, so all of it is checked as any other.
        """
        self._settle(mark)
        data = self._memory.read()
        if not data:
            return ()
        try:
            kept = _decode(data)
            known = {NO_KEY: NO_METADATA, **by_key(kept.metadata)}
            return [decode(body, known) for body in kept.bodies]
        except (ValueError, KeyError) as error:
            log.error("what the worker before has counted is damaged, and is not told: %s", error)
            return ()

    def keep(self, alerts: Sequence[Alert], mark: int) -> _Copy:
        """Return what is to have *alerts* kept instead of what was, from when the position has this *mark* on.

        What is too large is not kept.
        """
        metadata = [*{id(alert.metadata): alert.metadata for alert in alerts}.values()]
        return _Copy(self._memory, _encode(_Kept(mark, [*map(encode, alerts)], metadata)), mark)

    def _settle(self, mark: int) -> None:
        """Have what an earlier worker has prepared count, if that is of its position, and forget it if it is not."""
        prepared = self._memory.prepared()
        with contextlib.suppress(ValueError):
            if prepared and _decode(prepared).mark == mark:
                self._memory.commit()
        self._memory.drop()


class _Copy:
    """Has *data* kept: prepared first, then, when the position is there, committed."""

    def __init__(self, memory: Memory, data: bytes, mark: int) -> None:
        self._memory = memory
        self._data = data
        self._mark = mark

    def prepare(self) -> None:
        """Write it beside what is kept."""
        if not self._memory.prepare(self._data):
            self._memory.prepare(_encode(_Kept(self._mark, [], [])))

    def commit(self) -> None:
        """Have it kept instead of what was."""
        self._memory.commit()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode
