"""One file that is read as it grows: whole texts as they come, from the beginning again when it was cut off."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import msgspec

from falcohost.jsonlog.blocks import BLOCK, blocks
from falcohost.jsonlog.identity import SAMPLE, open_same
from falcohost.jsonlog.inputs import Limits, Origin
from falcohost.jsonlog.lines import Placed, texts
from falcohost.jsonlog.position import Position, begun, is_continued, sampled, skipped, tail_of
from falcohost.jsonlog.refusals import Refusals, Refused

log = logging.getLogger("falcohost")

#: Blocks that are read of one file before others have their turn.
_TURN = 64


class Tail:
    """Reads on in the file that *position* says.

    :ivar emptied: it was cut off, and nothing new is there yet.
    :ivar changed: when its content had been changed when it was last read; -1 before.
    """

    def __init__(self, position: Position, limits: Limits, refusals: Refusals) -> None:
        self.emptied = False
        self.changed = -1
        self._position = position
        self._limits = limits
        self._refusals = refusals
        self._fd: int | None = None
        self._at = position.offset  # how far it is read; what is behind the position is no whole text yet
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
        """Return whether there is less than was read, now that it is *size* bytes long, or something else."""
        if self._position.packed:
            return False
        if size < self._at:
            return True
        if self._fd is None:
            self._open()
            assert self._fd is not None
            if not is_continued(self._fd, self._position):
                return True
            self._before = tail_of(self._fd, self._at)
            return False
        return os.pread(self._fd, len(self._before), self._at - len(self._before)) != self._before

    def begin_again(self) -> Position:
        """Go on at the beginning, as in another file; return how far the former content was read."""
        former = self._position
        log.warning(
            "%s was cut off and is read from its beginning; what was written since it was last looked at is lost, "
            "unless a copy of it is read as well", former.path,
        )  # fmt: skip
        self.close()
        self._at = 0
        self.emptied = False
        self._position = Position(former.path, former.file, former.file, cuts=former.cuts + 1)
        self._open()
        self._position = begun(os.pread(self._fd or 0, SAMPLE, 0), self._position)
        return former

    def read(self, size: int, *, last: bool = False) -> Iterator[Placed]:
        """Yield what is new now that it is *size* bytes long; *last*: nothing will follow, also not a line's end.

        :raises OSError: it cannot be read.
        """
        self._last = last
        return self._packed(size) if self._position.packed else self._plain()

    def close(self) -> None:
        """Let go of the file; what of it is no whole text yet is read once more."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._texts, self._before = None, iter(()), b""
        self._at = self._position.offset

    def _open(self) -> None:
        self._fd = open_same(self._position.path, self._position.file)
        self._texts = texts(self._blocks(), self._limits.document, self._refuse, self._at)

    def _plain(self) -> Iterator[Placed]:
        if self._fd is None:
            self._open()
        self._ends = 0
        for _ in range(_TURN):
            items = next(self._texts, None)
            if items is None:
                break
            if items:
                self._handle(items)
                yield items
            if self._ends > 1:  # the first may have been for a text that has only begun to be looked at
                break
        if self._position.offset and not self._position.tail:
            self._sample()

    def _sample(self) -> None:
        """Take the fingerprints of what was read, so that a copy of it is known once the file is cut off."""
        assert self._fd is not None
        found = sampled(self._fd, self._position)
        if os.fstat(self._fd).st_size >= self._at:
            self._position = found

    def _blocks(self) -> Iterator[bytes]:
        while self._fd is not None:
            block = os.pread(self._fd, BLOCK, self._at)
            self._at += len(block)
            if block:
                self._before = block[-SAMPLE:] if len(block) >= SAMPLE else (self._before + block)[-SAMPLE:]
            elif self._last:
                return
            else:
                self._ends += 1
            yield block

    def _packed(self, size: int) -> Iterator[Placed]:
        fd = open_same(self._position.path, self._position.file)
        try:
            content = skipped(blocks(lambda size: os.read(fd, size)), self._position.offset)
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
        size = self._position.size if self._position.packed else end
        self._position = msgspec.structs.replace(self._position, offset=end, size=size, tail="")

    def _refuse(self, cause: str, offset: int) -> None:
        self._refusals.add(cause, f"{self._position.path}, byte {offset}")
