"""Compares IP addresses, with single addresses, sets and networks. IPv4 and IPv6 addresses are never equal.

Comparing through ``ipaddress`` is slow Python code; these predicates compare numbers.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def in_addresses(addresses: Collection[Address]) -> Callable[[Address], bool]:
    """Return the predicate that an address is one of *addresses*."""
    old = frozenset(int(address) for address in addresses if isinstance(address, ipaddress.IPv4Address))
    new = frozenset(int(address) for address in addresses if isinstance(address, ipaddress.IPv6Address))
    return lambda value: int(value) in (old if isinstance(value, ipaddress.IPv4Address) else new)


def in_networks(networks: Collection[Network]) -> Callable[[Address], bool]:
    """Return the predicate that an address is inside one of *networks*."""
    old = tuple(_mask(net) for net in networks if isinstance(net, ipaddress.IPv4Network))
    new = tuple(_mask(net) for net in networks if isinstance(net, ipaddress.IPv6Network))

    def inside(value: Address) -> bool:
        number = int(value)
        for mask, prefix in old if isinstance(value, ipaddress.IPv4Address) else new:
            if number & mask == prefix:
                return True
        return False

    return inside


def _mask(network: Network) -> tuple[int, int]:
    return int(network.netmask), int(network.network_address)


def address_text(address: Address) -> str:
    """Return the text of *address* as inet_ntop(3) writes it (``::ffff:10.0.0.1``)."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return socket.inet_ntop(socket.AF_INET6, address.packed)
