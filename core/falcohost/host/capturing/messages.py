"""What a worker and the process that writes its captures say to each other: a packet each."""

from __future__ import annotations

from struct import Struct as Layout
from typing import Final

import msgspec

#: The name of the process that writes.
NAME: Final = "captures"
#: The first byte of a packet of the worker: begin a file, more bytes, bytes that end with a whole event, end the file.
OPEN, MORE, WHOLE, CLOSE = b"O", b"M", b"W", b"C"
#: Time and number of the event that a file is named after.
NAMED: Final = Layout("<QQ")
#: Most bytes of a packet; what the process answers is shorter.
MOST: Final = 1 << 16
#: Most characters of a reason.
MOST_REASON: Final = 512

#: Why a file has ended early.
SIZE: Final = "size"


class Begun(msgspec.Struct, tag=True, frozen=True):
    """A file has begun."""

    path: str


class Ended(msgspec.Struct, tag=True, frozen=True):
    """A file of so many bytes has ended.

    :ivar early: ``size``: it has as many bytes as a file may have; another reason in words; empty: as it was told.
    """

    path: str
    size: int
    early: str = ""


class Refused(msgspec.Struct, tag=True, frozen=True):
    """No file can begin."""

    reason: str


Answer = Begun | Ended | Refused
encode: Final = msgspec.msgpack.Encoder().encode
decode: Final = msgspec.msgpack.Decoder(Answer).decode
