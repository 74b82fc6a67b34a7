"""Converts what a pattern's group matched to the value of a field: texts, numbers, addresses, times."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from falcohost import FieldType
from falcohost.text import bytes_text

#: Returns the value of a group's bytes; None if they are not such a value.
Convert: TypeAlias = Callable[[bytes], Any]

#: Largest whole number of a field.
_MOST = (1 << 63) - 1

#: How often a path is decoded: attackers encode twice to pass filters that decode once.
_DECODINGS = 3

#: An escape in a quoted part of an access log: nginx and Apache write \\xHH, Apache also C's.
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"v": b"\v", b"f": b"\f"}

_FACILITIES = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
               "ntp", "audit", "alert", "clock", *(f"local{number}" for number in range(8)))  # fmt: skip
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a format, without ``text.`` before its name.

    :ivar group: the group that it reads; empty: the one of its name.
    """

    name: str
    type: FieldType
    description: str
    convert: Convert
    group: str = ""


def text(raw: bytes) -> str:
    """Return the text."""
    return bytes_text(raw)


def number(raw: bytes) -> int | None:
    """Return the whole number, if a signed number of 64 bits holds it."""
    if re.fullmatch(rb"[+-]?\d{1,19}", raw) is None:
        return None
    value = int(raw)
    return value if -_MOST <= value <= _MOST else None


def port(raw: bytes) -> int | None:
    """Return the port number."""
    value = number(raw)
    return value if value is not None and 0 <= value < 1 << 16 else None


def decimal(raw: bytes) -> float | None:
    """Return the number, which may have a fraction."""
    return float(raw) if re.fullmatch(rb"[+-]?\d{1,300}(\.\d{1,300})?", raw) else None


def address(raw: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address, also one in brackets."""
    try:
        return ipaddress.ip_address(raw.decode("ascii").strip("[]").partition("%")[0])
    except ValueError:
        return None


def unescaped(raw: bytes) -> str | None:
    """Return a quoted part of an access log without its escapes; None for ``-``."""
    return None if raw == b"-" else text(_without_escapes(raw))


def path(raw: bytes) -> str | None:
    """Return the path of a request's target: without query, and with percent-encoding decoded, also if repeated."""
    value = _without_escapes(raw).partition(b"?")[0]
    for _ in range(_DECODINGS):
        value = unquote_to_bytes(value)
    return text(value)


def query(raw: bytes) -> str | None:
    """Return the query of a request's target, as it was sent."""
    _, mark, value = _without_escapes(raw).partition(b"?")
    return text(value) if mark else None


def facility(raw: bytes) -> str | None:
    """Return the name of the facility in a syslog priority."""
    value = int(raw) >> 3
    return _FACILITIES[value] if value < len(_FACILITIES) else None


def severity(raw: bytes) -> str | None:
    """Return the name of the severity in a syslog priority."""
    return _SEVERITIES[int(raw) & 7]


def _without_escapes(raw: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        return bytes([int(match[1], 16)]) if match[1] is not None else _CONTROLS.get(match[2], match[2])

    return _ESCAPE.sub(one, raw)
