"""Parses constants in rules as the type of the field that they are compared with.

Numbers follow scanf(3) as Falco calls it: out of range wraps or saturates without an error, trailing text is an error.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable

from falcohost.engine.ir import Value
from falcohost.engine.texts import text_bytes
from falcohost.fields import FieldType

#: Most bytes of a constant in Falco, including a final NUL.
LIMIT = 256

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)", re.ASCII)


class ValueTextError(ValueError):
    """A constant cannot be parsed as the type of its field; the text is Falco's message."""


def parse_value(text: str, kind: FieldType) -> Value:
    """Return the constant *text* as a value of *kind*.

    :raises ValueTextError: it is not valid.
    """
    parse = _PARSERS.get(kind)
    return parse(text) if parse is not None else _string(text)


def parse_hex(text: str) -> bytes:
    """Return the bytes of a constant of ``bcontains`` and ``bstartswith``, which is in hexadecimal."""
    if not re.fullmatch("([0-9a-fA-F]{2})*", text):
        raise ValueTextError("filter error: bcontains and bstartswith operator support hex strings only")
    return _buffer(bytes.fromhex(text))


def _string(text: str) -> str:
    used = len(text_bytes(text)) + 1
    if used > LIMIT:
        raise ValueTextError(f"filter parameter too long (used={used}, available={LIMIT}):{text}")
    return text


def _buffer(value: bytes) -> bytes:
    if len(value) >= LIMIT:
        raise ValueTextError("filter parameter too long (byte buf)")
    return value


def _number(text: str) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None or len(match[1]) > 300:
        raise ValueTextError(f"{text} is not a valid number")
    return int(match[1])


def _signed(bits: int) -> Callable[[str], int]:
    half = 1 << (bits - 1)

    def parse(text: str) -> int:
        number = min(max(_number(text), -(1 << 63)), (1 << 63) - 1)
        return (number + half) % (half * 2) - half

    return parse


def _unsigned(bits: int) -> Callable[[str], int]:
    most = (1 << 64) - 1

    def parse(text: str) -> int:
        number = _number(text)
        return (most if abs(number) > most else number) % (1 << bits)

    return parse


def _double(text: str) -> float:
    return float(_signed(32)(text))


def _bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueTextError(f"filter error: unrecognized boolean value {text}")
    return text == "true"


def _port(text: str) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit():
        if len(text) > 10 or int(text) >= 1 << 31:
            raise ValueTextError(f"{text} is not a valid number")
        return int(text) & 0xFFFF
    try:
        return socket.getservbyname(text)
    except (OSError, UnicodeError, ValueError):
        raise ValueTextError(f"unrecognized protocol {text}") from None


def _inet(host: str, old: bool, complaint: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address as inet_pton(3) does."""
    try:
        if old:
            return ipaddress.IPv4Address(socket.inet_pton(socket.AF_INET, host))
        return ipaddress.IPv6Address(socket.inet_pton(socket.AF_INET6, host))
    except (OSError, ValueError):
        raise ValueTextError(complaint) from None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    old = "." in text
    return _inet(text, old, f"unrecognized IPv{4 if old else 6} address {text}")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    host, slash, mask = text.partition("/")
    old = "." in text
    if not slash:
        raise ValueTextError(f"unrecognized IP network {text}" if old else f"invalid v6 netmask: {text}")
    address = _inet(host, old, f"unrecognized {'IP' if old else 'IPv6'} address {text}")
    length = _unsigned(8)(mask)
    if isinstance(address, ipaddress.IPv4Address):
        if length > 32:
            raise ValueTextError(f"invalid netmask {mask}")
        return ipaddress.IPv4Network((address, length), strict=False)
    if not 1 <= length <= 128:
        raise ValueTextError(f"invalid v6 netmask {mask}")
    return ipaddress.IPv6Network((address, length), strict=False)


_PARSERS: dict[FieldType, Callable[[str], Value]] = {
    FieldType.BYTEBUF: lambda text: _buffer(text_bytes(text)),
    FieldType.BOOL: _bool,
    FieldType.INT8: _signed(8),
    FieldType.INT16: _signed(16),
    FieldType.INT32: _signed(32),
    FieldType.INT64: _signed(64),
    FieldType.UINT8: _unsigned(8),
    FieldType.UINT16: _unsigned(16),
    FieldType.UINT32: _unsigned(32),
    FieldType.UINT64: _unsigned(64),
    FieldType.RELTIME: _unsigned(64),
    FieldType.ABSTIME: _unsigned(64),
    FieldType.DOUBLE: _double,
    FieldType.PORT: _port,
    FieldType.IPADDR: _address,
    FieldType.IPNET: _network,
}
