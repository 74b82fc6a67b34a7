"""Converts constants of checks to and from msgpack types, depending on the type of the field."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from falcohost.engine.codec.rows import BytesRow, CodecError, Plain
from falcohost.engine.ir import Value
from falcohost.engine.operands import ValueType
from falcohost.engine.operators import compares_text
from falcohost.engine.texts import text_bytes
from falcohost.engine.values import LIMIT
from falcohost.fields import FieldType


def to_plain(value: Value) -> Plain:
    """Return the constant *value* as plain data.

    :raises CodecError: it is not a type that checks have.
    """
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return BytesRow(value)
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return BytesRow(value.packed)
    if isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return BytesRow(value.network_address.packed + bytes((value.prefixlen,)))
    raise CodecError(f"a {type(value).__name__} is not a constant")


def reader(op: str, kind: ValueType) -> Callable[[Plain], Value]:
    """Return the decoder of constants that *op* compares with a value of *kind*; it raises CodecError for others."""
    if op in ("bcontains", "bstartswith"):
        return _bytes
    if compares_text(op, kind.kind):
        return _text
    return _READERS.get(kind.kind, _text)


def _text(plain: Plain) -> str:
    if not isinstance(plain, str) or len(text_bytes(plain)) >= LIMIT:
        raise CodecError(f"{plain!r} is not a string")
    return plain


def _bytes(plain: Plain) -> bytes:
    if not isinstance(plain, BytesRow) or len(plain.value) >= LIMIT:
        raise CodecError(f"{plain!r} is not a buffer")
    return plain.value


def _bool(plain: Plain) -> bool:
    if not isinstance(plain, bool):
        raise CodecError(f"{plain!r} is not a bool")
    return plain


def _double(plain: Plain) -> float:
    if not isinstance(plain, float):
        raise CodecError(f"{plain!r} is not a floating point number")
    return plain


def _integer(bits: int, *, signed: bool = False) -> Callable[[Plain], int]:
    low = -(1 << (bits - 1)) if signed else 0
    high = low + (1 << bits)

    def read(plain: Plain) -> int:
        if type(plain) is not int or not low <= plain < high:
            raise CodecError(f"{plain!r} is not an integer of {bits} bits")
        return plain

    return read


def _address(plain: Plain) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    packed = _bytes(plain)
    if len(packed) not in (4, 16):
        raise CodecError(f"{plain!r} is not an address")
    return ipaddress.IPv4Address(packed) if len(packed) == 4 else ipaddress.IPv6Address(packed)


def _network(plain: Plain) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    packed = _bytes(plain)
    if len(packed) not in (5, 17):
        raise CodecError(f"{plain!r} is not a network")
    try:
        if len(packed) == 5:
            return ipaddress.IPv4Network((packed[:-1], packed[-1]))
        return ipaddress.IPv6Network((packed[:-1], packed[-1]))
    except ValueError as error:
        raise CodecError(str(error)) from None


_READERS: dict[FieldType, Callable[[Plain], Value]] = {
    FieldType.BYTEBUF: _bytes,
    FieldType.BOOL: _bool,
    FieldType.INT8: _integer(8, signed=True),
    FieldType.INT16: _integer(16, signed=True),
    FieldType.INT32: _integer(32, signed=True),
    FieldType.INT64: _integer(64, signed=True),
    FieldType.UINT8: _integer(8),
    FieldType.UINT16: _integer(16),
    FieldType.UINT32: _integer(32),
    FieldType.UINT64: _integer(64),
    FieldType.RELTIME: _integer(64),
    FieldType.ABSTIME: _integer(64),
    FieldType.DOUBLE: _double,
    FieldType.PORT: _integer(16),
    FieldType.IPADDR: _address,
    FieldType.IPNET: _network,
}
