"""The kernel's BPF ring buffer, mapped and read in batches.

Layout and protocol: Documentation/bpf/ringbuf.rst and kernel/bpf/ringbuf.c. The first page holds the consumer's
position and is writable. Behind it are a page with the producer's position and the data, which is mapped twice in a row
so that a record that wraps around is contiguous. A record has a header of eight bytes; the first four are its length
and the bits *busy* (still being written) and *discard*.

Reading gives no space back to the kernel: until :meth:`Ring.release` a record can be read again, by another process.

Positions are multiples of eight. Who sleeps gives back a byte less, by which the program that writes knows that it has
to wake somebody (``wake_flags`` in bpf/scratch.bpf.h).
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import Final

_POSITION: Final = struct.Struct("=Q")
_LENGTH: Final = struct.Struct("=I")
_BUSY: Final = 1 << 31
_DISCARD: Final = 1 << 30
_HEADER: Final = 8
_ALIGNMENT: Final = 8
_ALL_BITS: Final = (1 << 64) - 1
BATCH: Final = 2048


class Ring:
    """A ring buffer of *size* bytes, given the descriptor of its map.

    :ivar size: in bytes.
    :ivar position: up to which it was read.
    """

    def __init__(self, map_fd: int, size: int, position: int = 0) -> None:
        """Read from *position* on, or from where the kernel has records if that is later."""
        page = os.sysconf("SC_PAGESIZE")
        self.fd = map_fd
        self.size = size
        self._mask = size - 1
        self._page = mmap.mmap(map_fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0)
        # A memoryview stores 64 bits at once. struct.pack_into writes zeros first, which the kernel could see.
        self._consumer = memoryview(self._page).cast("Q")
        self._producer = mmap.mmap(map_fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        self._produced = memoryview(self._producer)[: _POSITION.size].cast("Q")
        self._data = page
        self._written: int = self._consumer[0]
        # The reader before may have ended while it slept.
        self._given: int = -(-self._written // _ALIGNMENT) * _ALIGNMENT & _ALL_BITS
        self._asks = 0
        self.position: int = min(max(position, self._given), self.produced())

    def produced(self) -> int:
        """Return the position up to which the kernel has reserved records."""
        position: int = _POSITION.unpack_from(self._producer)[0]
        return position

    def unread(self) -> int:
        """Return the number of bytes that are reserved and not read yet."""
        return self.produced() - self.position

    def changed(self) -> bool:
        """Return whether there is something to read, or somebody else has moved where the kernel has room."""
        return self._produced[0] != self.position or self._consumer[0] != self._written

    @property
    def held(self) -> int:
        """Return the number of bytes that were read and not given back."""
        return self.position - self._given

    def set_back(self) -> bool:
        """Undo what somebody else has given back to the kernel, or taken from it; return whether there was anything."""
        if self._consumer[0] == self._written:
            return False
        self._consumer[0] = self._written
        return True

    def release(self, position: int) -> None:
        """Give the space before *position*, which was read, back to the kernel."""
        if position > self._given:
            self._given = position
            self._write()

    def ask(self, *, wake: bool) -> None:
        """Ask whoever writes to wake this reader for the next record, or not to."""
        self._asks = int(wake)
        self._write()

    def _write(self) -> None:
        self._consumer[0] = self._written = (self._given - self._asks) & _ALL_BITS

    def drain(self, until: int | None = None, limit: int = BATCH, places: list[int] | None = None) -> list[bytes]:
        """Return the complete records, at most *limit*, up to the position *until* (default: the producer's).

        Stops at the first record that is still being written.

        :param places: the position of each record is added to these.
        """
        producer, data, mask = self._producer, self._data, self._mask
        unpack = _LENGTH.unpack_from
        records: list[bytes] = []
        append = records.append
        position = self.position
        end = self.produced() if until is None else until
        while position < end and len(records) < limit:
            offset = data + (position & mask)
            length = unpack(producer, offset)[0]
            if length & _BUSY:
                break
            if length & _DISCARD:
                length &= ~_DISCARD
            else:
                body = offset + _HEADER
                append(producer[body : body + length])
                if places is not None:
                    places.append(position)
            position += (length + 15) & ~7
        self.position = position
        return records

    def read_up_to(self, position: int) -> bool:
        """Return whether everything before *position* has been read."""
        return self.position >= position

    def close(self) -> None:
        """Unmap the ring; the descriptor stays open."""
        self._consumer.release()
        self._produced.release()
        self._page.close()
        self._producer.close()
