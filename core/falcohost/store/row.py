"""An alert with its number, as it is to be stored."""

from __future__ import annotations

from msgspec import Struct

from falcohost.store.body import Brief
from falcohost.store.outline import Known


class Row(Struct, frozen=True, gc=False):
    """An alert, its number, whether it may come a second time, and what is stored of it.

    :ivar held: why it is delivered to nobody; empty: it is delivered.
    :ivar key: by what its id is found (:mod:`falcohost.store.ids`), if it may come a second time.
    """

    seq: int
    rewinds: bool
    alert: Known
    body: bytes
    held: str = ""
    key: bytes = b""


class Moved(Struct, frozen=True, gc=False):
    """A row that was stored elsewhere before; of its alert, no more is decoded than a store needs."""

    seq: int
    rewinds: bool
    alert: Brief
    body: bytes
    key: bytes
