"""Reads one file as it grows: complete texts as they arrive, and from the beginning again after truncation."""

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

#: Most blocks that are read from one file before others have their turn.
_TURN = 64


class Tail:
    """Reads a file from *position* on.

    :ivar emptied: it was truncated, and there is no new content yet.
    :ivar is_cut_off: the end of the last text is missing, since a compressed file is incomplete.
    :ivar changed: the time of the last change when it was last read; -1 before.
    """

    def __init__(self, position: Position, limits: Limits, refusals: Refusals, clock: Clock = SYSTEM) -> None:
        self.emptied = False
        self.is_cut_off = False
        self.changed = -1
        self._position = position
        self._limits = limits
        self._refusals = refusals
        self._clock = clock
        self._fd: int | None = None
        self._at = position.offset  # read up to here; the part after the position is an incomplete text
        self._head = b""  # first bytes of the content, and last ones before _at, to recognise it
        self._before = b""
        self._ends = 0
        self._last = False
        self._texts: Iterator[Placed] = iter(())

    @property
    def is_open(self) -> bool:
        """Return whether the file is open, so that it can be read to its end even if it is deleted."""
        return self._fd is not None

    @property
    def read_to(self) -> int:
        """Return the size of the file when it was read to its end, or the offset up to which it has been read."""
        return self._position.size if self._position.packed else self._at

    @property
    def origin(self) -> Origin:
        """Return the origin of the texts."""
        position = self._position
        return Origin(position.path, f"{position.ident}.{position.cuts}" if position.cuts else position.ident)

    @property
    def position(self) -> Position:
        """Return the position up to which texts have been handled."""
        return self._position

    def move(self, path: str) -> None:
        """Record that its path is now *path*."""
        if path != self._position.path:
            self._position = msgspec.structs.replace(self._position, path=path)

    def was_cut(self, size: int) -> bool:
        """Return whether the file, now *size* bytes long, was truncated or overwritten.

        :raises OSError: it cannot be read.
        """
        if self._position.packed:
            return False
        if self._fd is None:
            return not self._go_on()
        return size < self._at or not self._follows(os.pread(self._fd, SAMPLE, max(0, self._at - len(self._before))))

    def begin_again(self) -> Position | None:
        """Start again at the beginning, as in a new file; return the position in the former content.

        None: there is no new content yet.

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
            "%s was truncated; reading it from the beginning. Lines that were written after the last check and before "
            "the truncation are lost, unless a copy of the file is read too", former.path,
        )  # fmt: skip
        self.close()
        self.emptied = False
        self._at, self._fd = 0, fd
        self._position = begun(head, Position(former.path, former.file, former.file, cuts=former.cuts + 1))
        self._texts = self._whole_texts()
        return former

    def read(self, size: int, *, last: bool = False) -> Iterator[Placed]:
        """Yield new texts, now that it is *size* bytes long; *last*: nothing will follow, not even a newline.

        An empty list precedes the first text of content whose fingerprint is not in a cursor yet.

        :raises OSError: it cannot be read.
        """
        self._last = last
        return self._packed(size) if self._position.packed else self._plain()

    def close(self) -> None:
        """Close the file; an incomplete text at its end will be read again."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._texts, self._head, self._before = None, iter(()), b"", b""
        self._at = self._position.offset

    def _go_on(self) -> bool:
        """Open the file; return whether it still contains what was read."""
        fd = open_same(self._position.path, self._position.file)
        head, before = os.pread(fd, SAMPLE, 0), tail_of(fd, self._at)
        if not agrees(self._position, head, before):
            os.close(fd)
            return False
        self._fd, self._head, self._before = fd, head, before
        self._texts = self._whole_texts()
        return True

    def _whole_texts(self) -> Iterator[Placed]:
        return texts(
            self._blocks(), self._limits.document, self._refuse, self._at, plain=self._limits.plain, clock=self._clock
        )

    def _plain(self) -> Iterator[Placed]:
        if self._fd is None and not self._go_on():
            return  # it was truncated; handled at the next check
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
            if self._ends > 1:  # the first end may have come in the middle of a text
                break

    def _is_unknown(self, items: Placed) -> bool:
        """Return whether the position's fingerprint does not cover the first of *items*."""
        offset, text = items[0]
        return self._position.head_size < min(offset + len(text), len(self._head))

    def _follows(self, data: bytes) -> bool:
        """Return whether *data*, which overlap with the last bytes that were read, continue the same content."""
        return data.startswith(self._before) if self._at else agrees(self._position, data, b"")

    def _blocks(self) -> Iterator[bytes]:
        while self._fd is not None:
            known = self._before
            data = os.pread(self._fd, len(known) + BLOCK, self._at - len(known))
            block = data[len(known) :] if self._follows(data) else b""  # it was truncated; handled at the next check
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
        self.is_cut_off = False
        try:
            content = skipped(read_blocks(lambda size: os.read(fd, size)), self._position.offset)
            limits, begin = self._limits, self._position.offset
            for items in texts(content, limits.document, self._refuse, begin, plain=limits.plain):
                if items:
                    self._handle(items)
                    yield items
        except Refused as refused:
            self._refusals.add(str(refused), self._position.path)
            if refused.rest:
                self.is_cut_off = True
                yield refused.rest
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
