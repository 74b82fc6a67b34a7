"""What the loader itself has to know of what the rules ask for, which it passes on as it is (:mod:`.asked`)."""

from __future__ import annotations

from typing import Final

import msgspec

from falcohost_syscall.processes.users import Stamp


class Known(msgspec.Struct, frozen=True):
    """The part of :class:`.asked.Asked` that does not take the compiler.

    :ivar watched: the files to watch by inode.
    :ivar accounts: the state of the files with accounts, if it depends on them.
    """

    watched: list[bytes]
    accounts: list[Stamp] | None = None


#: Returns this part of what was encoded; raises ValueError for something else.
known: Final = msgspec.msgpack.Decoder(Known).decode
