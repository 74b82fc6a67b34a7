"""Encodes alerts for the way from a worker to the store: MessagePack without the parts that are stored elsewhere.

The message is removed from the text line, which repeats it, and a key stands for the rule's metadata.
"""

from __future__ import annotations

import struct

import msgspec
from msgspec.structs import force_setattr, replace

from falcohost.alert import NO_METADATA, Alert, Priority, RuleMetadata, ShortAlert
from falcohost.store.cut import MOST_FIELDS, tried
from falcohost.store.metadata import NO_KEY, ByKey, key_of

#: Most bytes of an alert.
MOST_BODY = 1 << 20

#: A byte that never begins an alert in MessagePack, the offset of the message in the text line, and the metadata's key.
HEAD = struct.Struct(">BIQ")
_SIZE = HEAD.size
MARK = 0xC0
#: The offset if the line does not repeat the message.
_NOWHERE = 0xFFFFFFFF

#: Head of alerts in files of version 2, where each has its metadata. In files of version 1 there is no head.
_HEAD_2 = struct.Struct(">BI")
_MARK_2 = 0xC1


def encode(alert: Alert) -> bytes:
    """Encode *alert*. What is too large is cut, and marked with the field ``falcohost.cut``."""
    if len(alert.fields) <= MOST_FIELDS and len(body := _encoded(alert)) <= MOST_BODY:
        return body
    return next(body for shorter in tried(alert) if len(body := _encoded(shorter)) <= MOST_BODY)


def _encoded(alert: Alert) -> bytes:
    line, message = alert.output, alert.message
    if line.endswith(message):  # as most do
        at = len(line) - len(message)
        line = line[:at]
    elif (at := line.find(message)) >= 0:
        line = line[:at] + line[at + len(message) :]
    else:
        at = _NOWHERE
    return _pack(MARK, at, _key(alert.metadata)) + _encode(replace(alert, output=line, metadata=NO_METADATA))


def encode_short(alert: ShortAlert, metadata: RuleMetadata) -> bytes:
    """Encode *alert* with the key of *metadata*, as :func:`encode` encodes the whole of it."""
    if len(alert.fields) <= MOST_FIELDS:
        body = _pack(MARK, len(alert.output), _key(metadata)) + _encode(alert)
        if len(body) <= MOST_BODY:
            return body
    known = {name: getattr(alert, name) for name in alert.__struct_fields__}
    return encode(Alert(**known | {"output": alert.output + alert.message, "metadata": metadata}))


def _key(metadata: RuleMetadata) -> int:
    """Return the key of *metadata*, of which all alerts of a rule have the same object."""
    known = _keys.get(id(metadata))
    if known is None:
        if len(_keys) >= _MOST_KEYS:
            _keys.clear()
        known = _keys[id(metadata)] = metadata, key_of(metadata)  # with the object, so that no other one gets its id
    return known[1]


#: Keys by the ids of metadata; most of them.
_keys: dict[int, tuple[RuleMetadata, int]] = {}
_MOST_KEYS = 1024


def decode(body: bytes, metadata: ByKey) -> Alert:
    """Decode the alert in *body*, of any version.

    :raises ValueError: it is not an alert.
    :raises KeyError: its metadata are not in *metadata*.
    """
    if len(body) < _SIZE or body[0] != MARK:
        return _decode_older(body)
    _, at, key = _unpack(body)
    alert = _decode(body[_SIZE:])
    force_setattr(alert, "metadata", metadata[key])  # nobody else has it yet, and a copy would cost as much as decoding
    rest = alert.output
    if at == len(rest):
        force_setattr(alert, "output", rest + alert.message)
    elif at != _NOWHERE:
        force_setattr(alert, "output", _whole(alert, at))
    return alert


def begins(body: bytes) -> tuple[int, int, int] | None:
    """Return where the alert in *body* begins, where its message belongs in its line, and the key of its metadata.

    None: it is of a former version, or none.
    """
    if len(body) < _SIZE or body[0] != MARK:
        return None
    _, at, key = _unpack(body)
    return _SIZE, at, key


def key_in(body: bytes) -> int:
    """Return the key of the metadata that :func:`decode` needs for *body*."""
    return HEAD.unpack_from(body)[2] if len(body) >= HEAD.size and body[0] == MARK else NO_KEY


class Kind(msgspec.Struct, frozen=True, gc=False):
    """What decides who gets an alert."""

    source: str
    rule: str
    priority: Priority
    tags: tuple[str, ...] = ()


class Brief(msgspec.Struct, frozen=True, gc=False):
    """What decides where an alert is found."""

    id: str
    rule: str
    source: str
    time: int


def kind_of(body: bytes) -> Kind | None:
    """Return the kind of the alert in *body*, of any version; None: it is damaged."""
    try:
        return _decode_kind(body[_begin(body) :])
    except ValueError:
        return None


def brief_of(body: bytes) -> Brief | None:
    """Return of the alert in *body*, of any version, where it is found; None: it is damaged."""
    try:
        return _decode_brief(body[_begin(body) :])
    except ValueError:
        return None


def _begin(body: bytes) -> int:
    return HEAD.size if body[:1] == b"\xc0" else _HEAD_2.size if body[:1] == b"\xc1" else 0


def _decode_older(body: bytes) -> Alert:
    if not body or body[0] != _MARK_2 or len(body) < _HEAD_2.size:
        return _decode(body)
    _, at = _HEAD_2.unpack_from(body)
    alert = _decode(body[_HEAD_2.size :])
    return replace(alert, output=_whole(alert, at))


def _whole(alert: Alert, at: int) -> str:
    rest = alert.output
    return rest + alert.message if at == len(rest) else rest[:at] + alert.message + rest[at:]


_pack, _unpack = HEAD.pack, HEAD.unpack_from
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode
_decode_kind = msgspec.msgpack.Decoder(Kind).decode
_decode_brief = msgspec.msgpack.Decoder(Brief).decode
