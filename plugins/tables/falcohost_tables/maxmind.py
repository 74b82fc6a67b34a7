"""A MaxMind database as a table: rows are found in the file, which stays mapped into memory."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from falcohost.regular import require_regular
from falcohost.text import bytes_text
from falcohost_tables.config import Table
from falcohost_tables.index import Refused
from falcohost_tables.reading import Unreadable, at, value_of
from falcohost_tables.rows import Row

#: The largest database, which is mapped into memory, in bytes.
MOST_BYTES: Final = 1 << 30


class Database:
    """The rows of the database at the path of *table*, by networks.

    :raises Unreadable: it is none.
    :raises OSError: it cannot be read.
    """

    def __init__(self, table: Table) -> None:
        try:
            import maxminddb

            require_regular(table.file, MOST_BYTES)
            # The library's reader in C asks access(2), for which capabilities of a process do not count.
            self._reader = maxminddb.open_database(table.file, maxminddb.MODE_MMAP)
        except ModuleNotFoundError as error:
            mend = "install falcohost's extra 'tables'"
            raise Unreadable(f"{table.file}: MaxMind databases need the Python package maxminddb: {mend}") from error
        except OSError:
            raise
        except Exception as error:
            raise Unreadable(f"{table.file} is no MaxMind database, or is damaged: {error}") from error
        self._columns = table.columns

    def __len__(self) -> int:
        """Return the number of nodes of the search tree, since rows are not counted."""
        return int(self._reader.metadata().node_count)

    def find(self, key: bytes) -> Row | None:
        """Return the row of the smallest network with the address *key*; a database that is damaged there has none."""
        try:
            address = ipaddress.ip_address(bytes_text(key))
            found, length = self._reader.get_with_prefix_len(_plain(address))
        except Exception:
            return None  # whatever a damaged database has the library do
        if not isinstance(found, Mapping):
            return None
        network = ipaddress.ip_network((_plain(address), length), strict=False)
        return (str(network), *(self._value(found, place) for place in range(len(self._columns))))

    def _value(self, found: Mapping[str, Any], place: int) -> Any:
        column = self._columns[place]
        try:
            return value_of(column, at(found, column.source))
        except Refused:
            return None


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
