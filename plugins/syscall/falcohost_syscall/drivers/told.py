"""A small message in shared memory: what the loader last said, or what a worker has reported."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

import msgspec

from falcohost.lasting import Memory

#: Size of each half of the memory.
HALF: Final = 1 << 18
_T = TypeVar("_T")


class Told(Generic[_T]):
    """The last message of type *kind* in *memory*."""

    def __init__(self, memory: Memory, kind: type[_T]) -> None:
        self._memory = memory
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._encoder = msgspec.msgpack.Encoder()
        self._said = self._heard_data = b""
        self._heard: _T | None = None

    def say(self, message: _T) -> None:
        """Replace the message; one that is too large is left out."""
        data = self._encoder.encode(message)
        if data != self._said and self._memory.replace(data):
            self._said = data

    def heard(self) -> _T | None:
        """Return the message; None if there is none."""
        data = self._memory.read()
        if data != self._heard_data:
            self._heard_data = data
            try:
                self._heard = self._decoder.decode(data) if data else None
            except msgspec.DecodeError:
                self._heard = None
        return self._heard

    def close(self) -> None:
        """Unmap it."""
        self._memory.close()
