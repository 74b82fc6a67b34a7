"""One file that is read as it grows: whole texts as they come, from the beginning again when it was cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog.blocks import BLOCK, read_blocks
from falcohost.jsonlog.identity import SAMPLE, open_same
from falcohost.jsonlog.inputs import Limits, Origin
from falcohost.jsonlog.lines import Placed, texts
from falcohost.jsonlog.position import Position, agrees, begun, ended, skipped, tail_of
from falcohost.jsonlog.refusals import Refusals, Refused
from falcohost.log import log

#: Blocks that are read of one file before others have their turn.
_TURN = 64


class Tail:
    """Reads on in the file that *position* says.

    :ivar emptied: it was cut off, and nothing new is there yet.
    :ivar changed: when its content had been changed when it was last read; -1 before.
    """

    def __init__(self, position: Position, limits: Limits, refusals: Refusals, clock: Clock = SYSTEM) -> None:
        self.emptied = False
        self.changed = -1
        self._position = position
        self._limits = limits
        self._refusals = refusals
        self._clock = clock
        self._fd: int | None = None
        self._at = position.offset  # how far it is read; what is behind the position is no whole text yet
        self._head = b""  # the first bytes of what is read, and the last before that place: by them it is recognised
        self._before = b""
        self._ends = 0
        self._last = False
        self._texts: Iterator[Placed] = iter(())

    @property
    def is_open(self) -> bool:
        """Return whether a descriptor holds it, so that it can be read to its end even if it is deleted."""
        return self._fd is not None

    @property
    def read_to(self) -> int:
        """Return how large the file was when it was read to its end, or how far it has been read."""
        return self._position.size if self._position.packed else self._at

    @property
    def origin(self) -> Origin:
        """Return what the texts come from."""
        position = self._position
        return Origin(position.path, f"{position.ident}.{position.cuts}" if position.cuts else position.ident)

    @property
    def position(self) -> Position:
        """Return how far it has been read and handled."""
        return self._position

    def move(self, path: str) -> None:
        """Take note that it is at *path* now."""
        if path != self._position.path:
            self._position = msgspec.structs.replace(self._position, path=path)

    def was_cut(self, size: int) -> bool:
        """Return whether there is less than was read, now that it is *size* bytes long, or something else.

        :raises OSError: it cannot be read.
        """
        if self._position.packed:
            return False
        if self._fd is None:
            return not self._go_on()
        return size < self._at or not self._follows(os.pread(self._fd, SAMPLE, max(0, self._at - len(self._before))))

    def begin_again(self) -> Position | None:
        """Go on at the beginning, as in another file; return how far the former content was read.

        None: there is nothing yet by which a new content is known.

        :raises OSError: it cannot be read.
        """
        former = self._position
        fd = open_same(former.path, former.file)
        head = os.pread(fd, SAMPLE, 0)
        if not head:
            os.close(fd)
            self.emptied = True
            return None
        log.warning(
            "%s was cut off and is read from its beginning; what was written since it was last looked at is lost, "
            "unless a copy of it is read as well", former.path,
        )  # fmt: skip
        self.close()
        self.emptied = False
        self._at, self._fd = 0, fd
        self._position = begun(head, Position(former.path, former.file, former.file, cuts=former.cuts + 1))
        self._texts = self._whole_texts()
        return former

    def read(self, size: int, *, last: bool = False) -> Iterator[Placed]:
        """Yield what is new now that it is *size* bytes long; *last*: nothing will follow, also not a line's end.

        Before the first of a content nothing is yielded if the position did not say by what the content is known.

        :raises OSError: it cannot be read.
        """
        self._last = last
        return self._packed(size) if self._position.packed else self._plain()

    def close(self) -> None:
        """Let go of the file; what of it is no whole text yet is read once more."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._texts, self._head, self._before = None, iter(()), b"", b""
        self._at = self._position.offset

    def _go_on(self) -> bool:
        """Open the file; return whether it holds what was read of it."""
        fd = open_same(self._position.path, self._position.file)
        head, before = os.pread(fd, SAMPLE, 0), tail_of(fd, self._at)
        if not agrees(self._position, head, before):
            os.close(fd)
            return False
        self._fd, self._head, self._before = fd, head, before
        self._texts = self._whole_texts()
        return True

    def _whole_texts(self) -> Iterator[Placed]:
        return texts(self._blocks(), self._limits.document, self._refuse, self._at, clock=self._clock)

    def _plain(self) -> Iterator[Placed]:
        if self._fd is None and not self._go_on():
            return  # it was cut off, which is found out next
        self._ends = 0
        for _ in range(_TURN):
            items = next(self._texts, None)
            if items is None:
                break
            if items:
                if not self._position.offset and self._is_unknown(items):
                    self._position = begun(self._head, self._position)
                    yield []
                self._handle(items)
                yield items
            if self._ends > 1:  # the first may have been for a text that has only begun to be looked at
                break

    def _is_unknown(self, items: Placed) -> bool:
        """Return whether the position says less of the content than that the first of *items* is in it."""
        offset, text = items[0]
        return self._position.head_size < min(offset + len(text), len(self._head))

    def _follows(self, data: bytes) -> bool:
        """Return whether *data*, which begin with the last of what was read or at the beginning, belong to that."""
        return data.startswith(self._before) if self._at else agrees(self._position, data, b"")

    def _blocks(self) -> Iterator[bytes]:
        while self._fd is not None:
            known = self._before
            data = os.pread(self._fd, len(known) + BLOCK, self._at - len(known))
            block = data[len(known) :] if self._follows(data) else b""  # it was cut off, which is found out next
            if block:
                if self._at < SAMPLE:
                    self._head = (self._head[: self._at] + block)[:SAMPLE]
                self._at += len(block)
                self._before = data[-SAMPLE:]
            elif self._last:
                return
            else:
                self._ends += 1
            yield block

    def _packed(self, size: int) -> Iterator[Placed]:
        fd = open_same(self._position.path, self._position.file)
        try:
            content = skipped(read_blocks(lambda size: os.read(fd, size)), self._position.offset)
            for items in texts(content, self._limits.document, self._refuse, self._position.offset):
                if items:
                    self._handle(items)
                    yield items
        except Refused as refused:
            self._refusals.add(str(refused), self._position.path)
        finally:
            os.close(fd)
        self._position = msgspec.structs.replace(self._position, size=size)

    def _handle(self, items: Placed) -> None:
        offset, text = items[-1]
        end = offset + len(text)
        if self._position.packed:
            self._position = msgspec.structs.replace(self._position, offset=end)
            return
        self._position = ended(text[-SAMPLE:], msgspec.structs.replace(self._position, offset=end, size=end))
        if self._position.head_size < len(self._head):
            self._position = begun(self._head, self._position)

    def _refuse(self, cause: str, offset: int) -> None:
        self._refusals.add(cause, f"{self._position.path}, byte {offset}")
