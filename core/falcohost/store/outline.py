"""What the store has to know of an alert that it keeps and passes on in bytes, decoded and checked in one pass.

Nearly every alert that a worker sends is as expected. Whatever is not, or what the decoder here refuses, is decoded
completely and checked by :mod:`falcohost.store.admission`, which decides and says why. So nothing is taken here that
would be refused there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from falcohost.alert import BEFORE_MESSAGE, NO_METADATA, Alert, Priority, RuleMetadata
from falcohost.engine.facts import FactsByRule, RuleFacts
from falcohost.store.body import HEAD, MARK, MOST_BODY, decode, key_in
from falcohost.store.cut import MOST_FIELDS
from falcohost.subject import MOST_SUBJECTS

#: Integers have to be in this range: that of a column in SQLite, and of other languages that read our JSON.
LEAST, MOST = -(1 << 63), (1 << 63) - 1

#: Most characters of what stands before the message in an alert's line of text: the time.
MOST_BEFORE = 64

#: Most characters of an alert's id.
MOST_ID = 64

#: Most bytes of the values that an alert keeps from its condition; most characters of a subject's kind and name.
MOST_READ = 1 << 14
MOST_SUBJECT = 1025

#: Errors of a decoder; what is nested too deep is a RecursionError, and a RuleMetadata that is not there a KeyError.
UNDECODABLE = (ValueError, KeyError, OverflowError, RecursionError, MemoryError, struct.error)

_Plain: TypeAlias = str | int | float | bool | None
_Integer: TypeAlias = Annotated[int, msgspec.Meta(ge=LEAST, le=MOST)]
_Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=MOST_SUBJECT)]


#: Printable ASCII.
_PLAIN_TEXT: Final = bytes(range(0x20, 0x7F))


class _Process(msgspec.Struct, tag="process", gc=False):
    pid: _Integer
    start: _Integer
    pidns: _Integer | None = None
    cgroup: _Integer | None = None


class _User(msgspec.Struct, tag="user", gc=False):
    kind: _Name
    name: _Name


class _Resource(msgspec.Struct, tag="resource", gc=False):
    kind: _Name
    name: _Name


class Outline(msgspec.Struct, gc=False):
    """An alert that was checked. It has the names of :class:`~falcohost.alert.Alert`.

    *message* and *output* are as in the bytes: together they are the line of text.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_ID)]
    rule: str
    priority: Priority
    source: str
    time: _Integer
    message: str
    output: str
    fields: Annotated[dict[str, _Plain | list[_Plain]], msgspec.Meta(max_length=MOST_FIELDS)]
    tags: tuple[str, ...] = ()
    hostname: str = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 1
    subjects: Annotated[tuple[_Process | _User | _Resource, ...], msgspec.Meta(max_length=MOST_SUBJECTS)] = ()
    metadata: RuleMetadata = NO_METADATA
    depth: int = 0
    read: Annotated[bytes, msgspec.Meta(max_length=MOST_READ)] = b""


#: An alert in the store process.
Known: TypeAlias = Alert | Outline


def outlined(
    bodies: Sequence[bytes], source: str, hostname: str, rules: FactsByRule, metadata: Mapping[int, RuleMetadata]
) -> list[Outline | None]:
    """Return each alert in *bodies* that is surely one of this *source* and host, and of its *rules*; None: another.

    Whether its texts :func:`are_plain` remains to be seen. All of it is one loop, since calls would take as long.

    :param metadata: what came with them, by key.
    """
    found: list[Outline | None] = []
    rule, key, facts = "", -1, None
    if max(map(len, bodies), default=0) > MOST_BODY:
        return [None] * len(bodies)
    for body in bodies:
        found.append(None)
        try:
            mark, at, its_key = HEAD.unpack_from(body)
            one: Outline = _decode(body[HEAD.size :])
            if one.read:
                _decode_read(one.read)
        except UNDECODABLE:
            continue
        if mark != MARK:
            continue
        if its_key != key or one.rule != rule:
            rule, key, facts = one.rule, its_key, _facts(rules, metadata, one.rule, its_key)
        if facts is None or one.priority is not facts.priority or one.tags != facts.tags:
            continue
        before, end = one.output, BEFORE_MESSAGE[facts.priority]
        if at != len(before) or at > MOST_BEFORE + len(end) or not before.endswith(end):
            continue
        if one.source == source and one.hostname == hostname and not one.depth:
            one.metadata = facts.metadata
            found[-1] = one
    return found


def _facts(rules: FactsByRule, metadata: Mapping[int, RuleMetadata], rule: str, key: int) -> RuleFacts | None:
    """Return the facts of *rule*, if its metadata are those with *key*."""
    facts, known = rules.get(rule), metadata.get(key)
    return facts if facts is not None and known is not None and known == facts.metadata else None


def are_plain(some: Iterable[Outline]) -> bool:
    """Return whether ids and lines of *some* alerts have nothing but printable ASCII. To ask for many takes less."""
    text = "".join([part for one in some for part in (one.id, one.output, one.message)])
    return text.isascii() and not text.encode().translate(None, _PLAIN_TEXT)


def whole(known: Known, body: bytes) -> Alert:
    """Return the alert itself: *body* has what an outline has not."""
    return known if isinstance(known, Alert) else decode(body, {key_in(body): known.metadata})


_decode: Any = msgspec.msgpack.Decoder(Outline).decode
_decode_read = msgspec.msgpack.Decoder(dict[str, _Plain | list[_Plain]]).decode
