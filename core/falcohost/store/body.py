"""An alert as the store keeps it: MessagePack, in which the text line leaves the message out, which it repeats."""

from __future__ import annotations

import struct

import msgspec

from falcohost.alert import Alert

#: A byte that begins no MessagePack, and the place in the text line where the message belongs. Without them the line is
#: whole, as in files of version 1.
_HEAD = struct.Struct(">BI")
_MARK = 0xC1


def encode(alert: Alert) -> bytes:
    """Return *alert* in bytes."""
    line, message = alert.output, alert.message
    at = len(line) - len(message) if line.endswith(message) else line.find(message)
    if at < 0 or not message:
        return _encode(alert)
    rest = line[:at] + line[at + len(message) :]
    return _HEAD.pack(_MARK, at) + _encode(msgspec.structs.replace(alert, output=rest))


def decode(body: bytes) -> Alert:
    """Return the alert in *body*."""
    if body[0] != _MARK:
        return _decode(body)
    _, at = _HEAD.unpack_from(body)
    alert = _decode(memoryview(body)[_HEAD.size :])
    return msgspec.structs.replace(alert, output=alert.output[:at] + alert.message + alert.output[at:])


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode
