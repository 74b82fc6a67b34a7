"""An alert in bytes, as a worker sends it and the store keeps it: MessagePack without what is elsewhere.

The text line leaves out the message, which it repeats, and a key stands for the rule's metadata.
"""

from __future__ import annotations

import struct

import msgspec
from msgspec.structs import force_setattr, replace

from falcohost.alert import NO_METADATA, Alert
from falcohost.store.metadata import ByKey, key_of

#: A byte that begins no alert in MessagePack, the place in the text line where the message belongs, and the key of the
#: metadata.
_HEAD = struct.Struct(">BIQ")
_MARK = 0xC0
#: The place of a message that the line does not repeat.
_NOWHERE = 0xFFFFFFFF

#: What stood before alerts in files of version 2, with metadata in each. In files of version 1 there is nothing.
_HEAD_2 = struct.Struct(">BI")
_MARK_2 = 0xC1


def encode(alert: Alert) -> bytes:
    """Return *alert* in bytes."""
    line, message = alert.output, alert.message
    if line.endswith(message):  # as most do
        line = line[: len(line) - len(message)]
        at = len(line)
    elif (at := line.find(message)) >= 0:
        line = line[:at] + line[at + len(message) :]
    else:
        at = _NOWHERE
    head = _HEAD.pack(_MARK, at, key_of(alert.metadata))
    return head + _encode(replace(alert, output=line, metadata=NO_METADATA))


def decode(body: bytes, metadata: ByKey) -> Alert:
    """Return the alert in *body*, of any version.

    :raises ValueError: it is none.
    :raises KeyError: it names metadata that *metadata* does not have.
    """
    if not body or body[0] != _MARK or len(body) < _HEAD.size:
        return _decode_older(body)
    _, at, key = _HEAD.unpack_from(body)
    alert = _decode(body[_HEAD.size :])
    force_setattr(alert, "metadata", metadata[key])  # it is nobody's yet, and a copy would cost as much as decoding
    if at != _NOWHERE:
        force_setattr(alert, "output", _whole(alert, at))
    return alert


def _decode_older(body: bytes) -> Alert:
    if not body or body[0] != _MARK_2 or len(body) < _HEAD_2.size:
        return _decode(body)
    _, at = _HEAD_2.unpack_from(body)
    alert = _decode(body[_HEAD_2.size :])
    return replace(alert, output=_whole(alert, at))


def _whole(alert: Alert, at: int) -> str:
    rest = alert.output
    return rest + alert.message if at == len(rest) else rest[:at] + alert.message + rest[at:]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode
