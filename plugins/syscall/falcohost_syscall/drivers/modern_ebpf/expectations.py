"""What a probe has to have in the kernel, for the loader that takes it over: whatever differs, somebody has changed."""

from __future__ import annotations

from typing import Final

import msgspec

from falcohost import lasting
from falcohost.lasting import Memory
from falcohost_syscall.kernel.ledger import Entries

#: The name under which the memory is held, and the size of each half of it, which takes only what is written.
EXPECTED: Final = "expected"
HALF: Final = 8 << 20


class Expectations(msgspec.Struct, frozen=True):
    """What a loader has written, and what the kernel keeps.

    :ivar maps: the names of the maps that are held, in their order.
    :ivar entries: what maps have to have, by their numbers.
    :ivar canaries: values of nobody in maps that the kernel keeps, by name.
    :ivar asked: the calls that the kernel looks at.
    """

    maps: list[str]
    entries: dict[int, Entries]
    canaries: dict[str, bytes]
    asked: list[int]


def make() -> int:
    """Return the descriptor of memory for expectations."""
    return lasting.make("falcohost expected", HALF)


class Noted:
    """Notes expectations in the memory with this *descriptor*, which nobody else can write."""

    def __init__(self, descriptor: int) -> None:
        self._memory = Memory(descriptor)
        lasting.keep_to_oneself(descriptor)
        self._said = b""

    def note(self, expectations: Expectations) -> None:
        """Replace what is noted. With more than there is room for, nothing is: then it cannot be compared."""
        data = _encode(expectations)
        if data != self._said:
            self._said = data
            if not self._memory.replace(data):
                self._memory.clear()


def noted(descriptor: int) -> Expectations | None:
    """Return what is noted in the memory with this *descriptor*; None: nothing."""
    memory = Memory(descriptor, writable=False)
    try:
        return _decode(memory.read())
    except msgspec.DecodeError:
        return None
    finally:
        memory.close()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Expectations).decode
