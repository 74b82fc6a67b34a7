"""Recognises copies of files that were already read: rotated and compressed, or copied before truncation.

A compressed file may be a copy of any plain one. A plain file counts as a copy only if rotation could have given it its
name, because two different logs may begin alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from falcohost.jsonlog.blocks import is_packed, read_blocks
from falcohost.jsonlog.identity import SAMPLE, Look, fingerprint, open_same
from falcohost.jsonlog.position import Position, begun, is_continued
from falcohost.jsonlog.refusals import Refused


def position_of(
    path: Path, seen: Look, known: Callable[[bool], Iterable[Position]], settled: Callable[[], bool]
) -> Position | None:
    """Return where to start in the new file at *path*; None: look again once it has *settled*.

    In a copy of a *known* file, only the part after what was read is new, and its events have the same keys. *known* is
    called with whether the file is compressed, and returns the files that it may be a copy of.

    :raises OSError: it cannot be read.
    """
    fd = open_same(str(path), seen.file)
    try:
        head = os.pread(fd, SAMPLE, 0)
        packed = is_packed(head[:4])
        if packed and not settled():
            return None
        models = [model for model in known(packed) if model.head_size and not model.packed]
        if models and packed:
            head = _unpacked_head(fd)
        beginnings = {size: fingerprint(head[:size]) for size in {model.head_size for model in models}}
        same = [model for model in models if beginnings[model.head_size] == model.head]
        if any(len(head) < model.head_size for model in models) and not settled():
            return None  # a copy may be in progress
        fresh = Position(str(path), seen.file, seen.file, packed=packed)
        if same:
            return (
                _behind(max(same, key=lambda model: (model.head_size, model.offset)), fresh, fd) if settled() else None
            )
        return fresh if packed else begun(head, fresh)
    finally:
        os.close(fd)


def longer_form(path: Path) -> Iterator[str]:
    """Yield the paths that rotation may have extended to *path*."""
    for end in range(1, len(path.name)):
        yield str(path.parent / path.name[:end])


def _behind(model: Position, fresh: Position, fd: int) -> Position:
    """Return the position in the copy up to which *model* was read."""
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
        return  # counted when the file is read


def _unpacked_head(fd: int) -> bytes:
    head = b""
    for block in _unpacked(fd):
        head += block
        if len(head) >= SAMPLE:
            break
    return head


def _continues_packed(fd: int, model: Position) -> bool:
    """Return whether the content before the model's offset is the same in this file."""
    before, at = b"", 0
    for block in _unpacked(fd):
        before = (before + block)[-SAMPLE - len(block) :]
        at += len(block)
        if at >= model.offset:
            end = len(before) - (at - model.offset)
            return not model.tail_size or fingerprint(before[end - model.tail_size : end]) == model.tail
    return False
