"""Writes small MaxMind databases (the MaxMind DB file format specification, version 2.0)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

MARK = b"\xab\xcd\xefMaxMind.com"

#: Kinds of values.
TEXT, MAP, ARRAY, UINT16, UINT32, UINT64 = 2, 7, 11, 5, 6, 9


def _head(kind: int, size: int) -> bytes:
    assert size < 285
    low, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return bytes([kind << 5 | low]) + more if kind < 8 else bytes([low, kind - 7]) + more


def _value(value: Any, kind: int = UINT32) -> bytes:
    if isinstance(value, Mapping):
        kinds = {"node_count": UINT32, "build_epoch": UINT64}
        inside = (_value(name) + _value(one, kinds.get(name, kind)) for name, one in value.items())
        return _head(MAP, len(value)) + b"".join(inside)
    if isinstance(value, list):
        return _head(ARRAY, len(value)) + b"".join(map(_value, value))
    if isinstance(value, int):
        number = value.to_bytes(8, "big").lstrip(b"\0")
        return _head(kind, len(number)) + number
    return _head(TEXT, len(value.encode())) + value.encode()


def database(rows: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return a database of IPv6 with *rows* by network; those of IPv4 are below ::/96."""
    tree: list[list[int | bytes | None]] = [[None, None]]
    for text, row in rows.items():
        network = ipaddress.ip_network(text)
        length = network.prefixlen + (96 if network.version == 4 else 0)
        bits = format(int(network.network_address), "0128b")[:length]
        node = 0
        for bit in bits[:-1]:
            below = tree[node][int(bit)]
            if not isinstance(below, int):
                tree.append([below, below])
                below = tree[node][int(bit)] = len(tree) - 1
            node = below
        tree[node][int(bits[-1])] = _value(row)
    data, places = b"", {}
    for found in (side for node in tree for side in node if isinstance(side, bytes)):
        places.setdefault(found, len(data))
        if places[found] == len(data):
            data += found
    nodes = b""
    for node in tree:
        for side in node:
            record = len(tree) if side is None else side if isinstance(side, int) else len(tree) + 16 + places[side]
            nodes += record.to_bytes(4, "big")
    about = {
        "node_count": len(tree),
        "record_size": 32,
        "ip_version": 6,
        "database_type": "Test",
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "description": {"en": "Test"},
    }
    return nodes + bytes(16) + data + MARK + _value(about, UINT16)
