"""Keeps rows in the form in which they are sent, which takes little memory, and forgets containers that are over."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

import msgspec

from falcohost_containers.rows import Row

#: Most containers of a runtime that are remembered.
MOST: Final = 1024

#: Seconds for which a container is remembered that is over: events of it may still come.
OVER: Final = 60.0


class Known:
    """The rows of one runtime's containers. Where there is no more room, containers that are over go first."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, bytes] = OrderedDict()
        self._over: OrderedDict[str, float] = OrderedDict()

    def get(self, container: str) -> Row | None:
        """Return the row of *container*; None: none is known."""
        data = self._rows.get(container)
        return None if data is None else _decode(data)

    def has_whole(self, container: str) -> bool:
        """Return whether all is known of *container* that there is."""
        row = self.get(container)
        return row is not None and not row.partial

    def keep(self, container: str, row: Row) -> None:
        """Keep *row*, unless it is partial and more is known."""
        if row.partial and self.has_whole(container):
            return
        self._rows[container] = _encode(row)
        while len(self._rows) > MOST:
            self._forget(next(iter(self._over or self._rows)))

    def end(self, container: str) -> None:
        """Remember for how long *container* is over; what is not known of it yet may still come."""
        self._over[container] = time.monotonic()
        self._over.move_to_end(container)
        if len(self._over) > MOST:
            self._forget(next(iter(self._over)))

    def begin(self, container: str) -> bool:
        """Forget what is known of another container of this name, which is over; return whether there was one."""
        was_another = container in self._over
        if was_another:
            self._forget(container)
        return was_another

    def forget_old(self) -> None:
        """Forget the containers that have been over for long."""
        until = time.monotonic() - OVER
        for container in [container for container, since in self._over.items() if since < until]:
            self._forget(container)

    def _forget(self, container: str) -> None:
        self._rows.pop(container, None)
        self._over.pop(container, None)

    def __len__(self) -> int:
        """Return how many containers are known."""
        return len(self._rows)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode
