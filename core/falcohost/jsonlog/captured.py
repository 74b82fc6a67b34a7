"""Reads the records of Falco's plugins from a capture (``.scap``): events in which a plugin has put what it read.

A capture is a sequence of blocks: type, size, body, padding, and the size again. A plugin's event has the number of the
plugin in Falco's registry and the record, which is JSON for the plugins whose logs falcohost reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from falcohost.jsonlog.refusals import DAMAGED_CAPTURE, Refused
from falcohost.log import log

#: The first bytes of a capture.
SECTION: Final = b"\x0a\x0d\x0d\x0a"
_HEAD: Final = Struct("<II")
#: Type, size, and size again; the most bytes of a block.
_FRAME: Final = 12
_LARGEST: Final = 64 << 20
#: Types of blocks with an event, and where in their body it begins.
_EVENTS: Final = {0x216: 2, 0x217: 6, 0x221: 2, 0x222: 6}
_EVENT: Final = Struct("<QqIHI")
_PLUGIN: Final = 322
#: Sizes of the two parameters: the plugin's number, and the record.
_SIZES: Final = Struct("<II")
_NUMBER: Final = Struct("<I")


def records(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the records in the capture that *blocks* are parts of, each on a line of its own.

    Those of other plugins than the first are left out: they belong to other sources.

    :raises Refused: the capture is damaged. The records before that have been yielded by then.
    """
    plugin, has_told = None, False
    for kind, body in _blocks(blocks):
        if kind not in _EVENTS or (found := _event(body, _EVENTS[kind])) is None:
            continue
        number, record = found
        plugin = number if plugin is None else plugin
        if number == plugin:
            yield record.replace(b"\n", b" ") + b"\n"
        elif not has_told:
            has_told = True
            log.warning("a capture has events of the plugins %d and %d; those of the former are read", plugin, number)


def first_plugin(parts: Iterator[bytes]) -> int | None:
    """Return the number of the plugin whose event is the first event of the capture; None: it is not of a plugin.

    :raises Refused: the capture is damaged.
    """
    found = next((_event(body, _EVENTS[kind]) for kind, body in _blocks(parts) if kind in _EVENTS), None)
    return None if found is None else found[0]


def _blocks(parts: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    data, place = bytearray(), 0
    for part in parts:
        del data[:place]
        data += part
        place = 0
        while len(data) - place >= _HEAD.size:
            kind, size = _HEAD.unpack_from(data, place)
            if not _FRAME <= size <= _LARGEST:
                raise Refused(DAMAGED_CAPTURE)
            if len(data) - place < size:
                break
            yield kind, bytes(data[place + _HEAD.size : place + size - 4])
            place += size
    if len(data) > place:
        raise Refused(DAMAGED_CAPTURE)


def _event(body: bytes, place: int) -> tuple[int, bytes] | None:
    begin = place + _EVENT.size
    if len(body) < begin + _SIZES.size:
        return None
    *_, code, count = _EVENT.unpack_from(body, place)
    if code != _PLUGIN or count != 2:
        return None
    first, second = _SIZES.unpack_from(body, begin)
    begin += _SIZES.size
    if first != _NUMBER.size or len(body) < begin + first + second:
        raise Refused(DAMAGED_CAPTURE)
    return _NUMBER.unpack_from(body, begin)[0], body[begin + first : begin + first + second]
