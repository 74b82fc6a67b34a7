"""Recognising what was read under another name and in another file: packed by rotation, or copied before a log is cut.

A packed file may be a copy of any plain one. A plain file may be one only if its name is a longer form of the other's,
as rotation makes them, or one that rotation gives to what is gone: else a log may well begin as another did.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from falcohost.jsonlog.blocks import MAGIC, read_blocks
from falcohost.jsonlog.identity import SAMPLE, Look, fingerprint, open_same
from falcohost.jsonlog.position import Position, begun, is_continued
from falcohost.jsonlog.refusals import Refused


def position_of(
    path: Path, seen: Look, known: Callable[[bool], Iterable[Position]], settled: Callable[[], bool]
) -> Position | None:
    """Return where to begin in the file at *path*, which is new; None: it has to be looked at once it has *settled*.

    Of what is a copy of one that is *known*, only what is behind that is read; its events have the same keys. *known*
    is called with whether the file is packed, and returns what it may be a copy of.

    :raises OSError: it cannot be read.
    """
    fd = open_same(str(path), seen.file)
    try:
        head = os.pread(fd, SAMPLE, 0)
        packed = head[:2] == MAGIC
        if packed and not settled():
            return None
        models = [model for model in known(packed) if model.head_size and not model.packed]
        if models and packed:
            head = _unpacked_head(fd)
        beginnings = {size: fingerprint(head[:size]) for size in {model.head_size for model in models}}
        same = [model for model in models if beginnings[model.head_size] == model.head]
        if any(len(head) < model.head_size for model in models) and not settled():
            return None  # a copy may be in the making
        fresh = Position(str(path), seen.file, seen.file, packed=packed)
        if same:
            return (
                _behind(max(same, key=lambda model: (model.head_size, model.offset)), fresh, fd) if settled() else None
            )
        return fresh if packed else begun(head, fresh)
    finally:
        os.close(fd)


def longer_form(path: Path) -> Iterator[str]:
    """Yield the paths of which that of *path* may be a longer form, by rotation."""
    for end in range(1, len(path.name)):
        yield str(path.parent / path.name[:end])


def _behind(model: Position, fresh: Position, fd: int) -> Position:
    """Return where what was read of *model* ends in its copy."""
    fresh = msgspec.structs.replace(fresh, ident=model.ident, cuts=model.cuts)
    if fresh.packed:
        return msgspec.structs.replace(fresh, offset=model.offset) if _continues_packed(fd, model) else fresh
    fresh = msgspec.structs.replace(fresh, head_size=model.head_size, head=model.head)
    if not is_continued(fd, model):
        return fresh
    return msgspec.structs.replace(fresh, offset=model.offset, tail_size=model.tail_size, tail=model.tail)


def _unpacked(fd: int) -> Iterator[bytes]:
    os.lseek(fd, 0, os.SEEK_SET)
    try:
        yield from read_blocks(lambda size: os.read(fd, size))
    except Refused:
        return  # which is counted when it is read


def _unpacked_head(fd: int) -> bytes:
    head = b""
    for block in _unpacked(fd):
        head += block
        if len(head) >= SAMPLE:
            break
    return head


def _continues_packed(fd: int, model: Position) -> bool:
    """Return whether what is before the model's place is there before the same place of the content."""
    before, at = b"", 0
    for block in _unpacked(fd):
        before = (before + block)[-SAMPLE - len(block) :]
        at += len(block)
        if at >= model.offset:
            end = len(before) - (at - model.offset)
            return not model.tail_size or fingerprint(before[end - model.tail_size : end]) == model.tail
    return False
