"""Splits blocks of bytes into JSON texts: whole lines, or one document over several lines, as the first line tells."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog.brackets import is_paired
from falcohost.jsonlog.decode import MALFORMED
from falcohost.jsonlog.refusals import BAD_GZIP, TOO_LARGE, Refused

#: Texts with their offsets in bytes.
Placed = list[tuple[int, bytes]]

_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8, which some programs put at the start of a file

#: A document over several lines has a shorter first line than this.
_LONG = 1 << 16

#: If the lines of a block are longer than this in total, each becomes a text of its own.
_TOGETHER = 1 << 19

#: Seconds after which an unfinished document is treated as lines, the first of which is broken.
_PATIENCE = 10.0

_skip = msgspec.json.Decoder(msgspec.Raw).decode_lines


def texts(
    blocks: Iterator[bytes],
    limit: int,
    refuse: Callable[[str, int], None],
    offset: int = 0,
    *,
    plain: bool = False,
    clock: Clock = SYSTEM,
) -> Iterator[Placed]:
    """Yield, for each of *blocks*, the texts that it completes: lines of JSON, or documents.

    The first block is the one at *offset*. An empty block means that there is no more data for now: then a complete
    text is yielded even without a newline. *refuse* is called with cause and offset of a text that is larger than
    *limit*. *plain*: the lines are not JSON.

    :raises Refused: *blocks* raised it; all complete texts have been yielded, and an incomplete one is its ``rest``.
    """
    failure: list[Exception] = []
    rest = _until_failure(blocks, failure)
    seen: list[bytes] = []
    while not plain:
        seen = []
        yield from _first_line(rest, seen, limit)
        begun = b"".join(seen)
        seen[:] = [begun, b""] if seen and not seen[-1] else [begun]  # one object, which is not copied again
        first = _beginning(begun).partition(b"\n")[0]
        if not (len(first) < _LONG and first[:1] in (b"{", b"[") and not _is_closed(first)):
            break
        is_document = yield from _document(rest, seen, limit, clock)
        if failure and not is_document:
            _keep(seen, offset, limit, failure[0])
            raise failure[0]
        if not is_document:
            break
        whole = b"".join(seen)
        document = whole.removeprefix(_MARK)
        yield [(offset + len(whole) - len(document), document)]
        offset += len(whole)
    yield from _lines(itertools.chain(seen, rest), offset, limit, refuse, failure, plain=plain)
    if failure:
        raise failure[0]


def _until_failure(blocks: Iterator[bytes], failure: list[Exception]) -> Iterator[bytes]:
    """Yield *blocks*; put an exception into *failure*, so that the data before it can be used."""
    try:
        yield from blocks
    except Exception as error:
        failure.append(error)


def _first_line(blocks: Iterator[bytes], seen: list[bytes], limit: int) -> Iterator[Placed]:
    """Read into *seen* until the first non-blank line is complete; yield an empty list for each empty block."""
    size = 0
    for block in blocks:
        seen.append(block)
        size += len(block)
        if size > limit or b"\n" in (block if len(seen) > 1 else _beginning(block)):
            break
        if not block:
            seen[:] = [b"".join(seen)]
            if _is_whole(seen[0]):
                seen.append(b"")
                break
            yield []


def _beginning(data: bytes) -> bytes:
    return data.removeprefix(_MARK).lstrip()


def _document(blocks: Iterator[bytes], seen: list[bytes], limit: int, clock: Clock) -> Generator[Placed, None, bool]:
    """Read into *seen* until it is one document; return False if it is larger than *limit* or not JSON."""
    size = sum(map(len, seen))
    given_up = clock.monotonic() + _PATIENCE
    while size <= limit:
        block = next(blocks, None)
        if block is None:
            return _is_closed(b"".join(seen).removeprefix(_MARK))
        if block:
            seen.append(block)
            size += len(block)
        elif _is_whole(b"".join(seen)):
            return True
        elif clock.monotonic() > given_up:
            return False
        else:
            yield []
    return False


def _is_whole(text: bytes) -> bool:
    """Return whether *text*, the end of the data so far, ends with a complete object or array."""
    begun = _beginning(text)
    return begun[:1] in (b"{", b"[") and text.rstrip()[-1:] in (b"}", b"]") and _is_closed(begun)


def _is_closed(text: bytes) -> bool:
    """Return whether each value that begins in *text* ends in it; it may be damaged, which is counted later."""
    try:
        _skip(text)
    except (*MALFORMED, RecursionError):
        return is_paired(text)
    return True


def _keep(begun: list[bytes], offset: int, limit: int, failure: Exception) -> None:
    """Add to *failure* what was *begun* before it, which may hold whole records."""
    text = b"".join(begun)
    if isinstance(failure, Refused) and str(failure) == BAD_GZIP and 0 < len(text) <= limit:
        failure.rest = [(offset, text)]


def _lines(
    blocks: Iterator[bytes],
    offset: int,
    limit: int,
    refuse: Callable[[str, int], None],
    failure: list[Exception],
    *,
    plain: bool,
) -> Iterator[Placed]:
    """Split *blocks* at newlines. A line over several blocks is kept in pieces until it is complete.

    The last line needs no newline, unless there is a *failure*: then it may be incomplete.
    """
    begun: list[bytes] = []
    size = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if not block and 0 < size <= limit:
            begun = [b"".join(begun)]
        if end or (not block and begun and not plain and _is_whole(begun[0])):
            yield list(_whole_lines(begun, size, block[:end], offset, limit, refuse))
            offset += size + end
            begun, size = [], 0
        else:
            yield []
        size += len(block) - end
        if size > limit:
            begun = []
        elif len(block) > end:
            begun.append(block[end:])
    if failure:
        _keep(begun, offset, limit, failure[0])
    elif size:
        yield list(_whole_lines(begun, size, b"", offset, limit, refuse))


def _whole_lines(
    begun: list[bytes], size: int, rest: bytes, offset: int, limit: int, refuse: Callable[[str, int], None]
) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of *begun* (*size* bytes, or discarded if too long) and *rest*, in one text if possible."""
    if size > limit:
        refuse(TOO_LARGE, offset)
        _, _, lines = rest.partition(b"\n")
        offset += size + len(rest) - len(lines)
    else:
        lines = b"".join([*begun, rest] if rest else begun)
    if len(lines) <= limit and (len(lines) <= _TOGETHER or lines.find(b"\n", 0, -1) < 0):
        if lines and not lines.isspace():
            yield offset, lines
        return
    for line in lines.split(b"\n"):
        if len(line) > limit:
            refuse(TOO_LARGE, offset)
        elif line and not line.isspace():
            yield offset, line
        offset += len(line) + 1
