"""Keeps what a worker has only counted, in memory that its successor reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    bodies: list[bytes]
    metadata: list[RuleMetadata]


def make_memory() -> int:
    """Return the descriptor of the memory for all workers of a source."""
    return lasting.make("counted matches", HALF)


class KeptCounts:
    """The alerts in the memory with this *descriptor*."""

    def __init__(self, descriptor: int) -> None:
        self._memory = Memory(descriptor)

    def left(self) -> Sequence[Alert]:
        """Return what an earlier worker has kept. It may have been taken over, so all of it is checked as any other."""
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

    def keep(self, alerts: Iterable[Alert]) -> Callable[[], None]:
        """Return what has *alerts* kept instead of what was. What is too large is not kept."""
        kept = list(alerts)
        metadata = [*{id(alert.metadata): alert.metadata for alert in kept}.values()]
        data = _encode(_Kept([*map(encode, kept)], metadata)) if kept else b""

        def write() -> None:
            if (data or self._memory.size) and not self._memory.replace(data):
                self._memory.clear()

        return write


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode
