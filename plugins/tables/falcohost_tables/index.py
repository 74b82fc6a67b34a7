"""Finds the row of a key: by the key itself, without regard to case, or by the smallest network with an address."""

from __future__ import annotations

import ipaddress
import socket
from typing import Protocol

from falcohost.text import bytes_text, text_bytes
from falcohost_tables.rows import Row


class Refused(ValueError):
    """A row cannot be in the table; the text says why, and what mends it."""


class Index(Protocol):
    """The rows of a table."""

    def add(self, row: Row) -> bool:
        """Add *row*, whose first value is its key; return False if another row has the key and other values.

        :raises Refused: the key is none.
        """

    def find(self, key: bytes) -> Row | None:
        """Return the row of *key*, if there is one."""

    def __len__(self) -> int:
        """Return the number of rows."""


class Texts:
    """Rows by their keys."""

    def __init__(self, *, ignore_case: bool) -> None:
        self._rows: dict[bytes, Row] = {}
        self._ignore_case = ignore_case

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def add(self, row: Row) -> bool:
        """Add *row*; return False if another row has its key and other values."""
        return self._rows.setdefault(self._folded(text_bytes(str(row[0]))), row)[1:] == row[1:]

    def find(self, key: bytes) -> Row | None:
        """Return the row of *key*."""
        return self._rows.get(self._folded(key))

    def _folded(self, key: bytes) -> bytes:
        return text_bytes(bytes_text(key).casefold()) if self._ignore_case else key


class Networks:
    """Rows by networks, in which the smallest network with an address decides."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], dict[int, Row]] = {}
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        self._count = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._count

    def add(self, row: Row) -> bool:
        """Add *row*; return False if another row has its network and other values."""
        version, length, number = _network(str(row[0]))
        rows = self._rows.get((version, length))
        if rows is None:
            rows = self._rows[version, length] = {}
            self._lengths[version] = sorted([*self._lengths[version], length], reverse=True)
        before = len(rows)
        is_alike = rows.setdefault(_prefix(number, version, length), row)[1:] == row[1:]
        self._count += len(rows) - before
        return is_alike

    def find(self, key: bytes) -> Row | None:
        """Return the row of the smallest network that has the address *key*."""
        try:
            address = ipaddress.ip_address(bytes_text(key))
        except ValueError:
            return None
        version, number = _version_and_number(address)
        found = (self._rows[version, length].get(_prefix(number, version, length)) for length in self._lengths[version])
        return next((row for row in found if row is not None), None)


def index_for(match: str) -> Index:
    """Return an empty index for this way to match."""
    return Networks() if match == "network" else Texts(ignore_case=match == "ignore_case")


def _prefix(number: int, version: int, length: int) -> int:
    return number >> ((32 if version == 4 else 128) - length)


def _version_and_number(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[int, int]:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (4, int(mapped)) if mapped is not None else (address.version, int(address))


def _network(text: str) -> tuple[int, int, int]:
    """Return the version of a network, the length of its prefix, and its number."""
    try:
        if "/" not in text:  # an address, which most lists have, in a quarter of the time
            return 4, 32, int.from_bytes(socket.inet_pton(socket.AF_INET, text))
    except (OSError, ValueError):
        pass
    try:
        network = ipaddress.ip_network(text)
        return network.version, network.prefixlen, int(network.network_address)
    except ValueError as error:
        if "host bits" in str(error):
            mend = ipaddress.ip_network(text, strict=False)
            raise Refused(f"'{text}' is an address within a network: write {mend}") from None
        raise Refused(f"'{text}' is no address and no network") from None
