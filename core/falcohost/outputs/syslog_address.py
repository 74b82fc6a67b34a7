"""Where the output ``syslog`` sends to: its addresses and facilities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

#: Where daemons listen on this machine.
LOCAL: Final = "/dev/log"

#: The facilities that programs may use, by name (RFC 5424, 6.2.1; syslog(3)).
FACILITIES: Final = {
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "ftp": 11,
    **{f"local{number}": 16 + number for number in range(8)},
}

Kind: TypeAlias = Literal["udp", "tcp", "tls"]

#: The port of each kind (RFC 5426, RFC 6587, RFC 5425).
PORTS: Final[Mapping[Kind, int]] = {"udp": 514, "tcp": 514, "tls": 6514}

_ADDRESS: Final = re.compile(r"(\w+)://(\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?/?")


class Address(NamedTuple):
    """A server's address."""

    kind: Kind
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"


def read_address(text: str) -> Address | None:
    """Return the address that *text* is; None for an empty one, which stands for this machine.

    :raises ValueError: it is none; the message says what it has to be.
    """
    if not text:
        return None
    match = _ADDRESS.fullmatch(text)
    for kind in get_args(Kind):
        if match is not None and match[1] == kind:
            port = int(match[3]) if match[3] else PORTS[kind]
            if 0 < port < 1 << 16:
                return Address(kind, match[2].strip("[]"), port)
    raise ValueError(f"has to be empty, or like udp://HOST:514, tcp://HOST:514 or tls://HOST:6514, not '{text}'")


def syslog_addresses(block: Mapping[str, Any]) -> list[str]:
    """Return what the output with this block connects to."""
    address = read_address(str(block["address"]))
    return [LOCAL] if address is None else [f"{address.host}:{address.port}"]
