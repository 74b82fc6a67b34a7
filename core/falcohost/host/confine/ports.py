"""Which TCP ports a process may connect to."""

from __future__ import annotations

from typing import Final

from falcohost.needs import CONNECT, INSPECT, PROGRAM, Needs

#: Names are asked for over UDP, which Landlock does not restrict; long answers come over TCP.
NAMES: Final = 53


def ports(needs: Needs) -> frozenset[int] | None:
    """Return the TCP ports that a process with these *needs* may connect to; None: any."""
    if not needs.calls.isdisjoint((PROGRAM, INSPECT)):
        return None  # any rule of Landlock forbids to look into processes outside
    if CONNECT not in needs.calls:
        return frozenset()
    if needs.connects is None:
        return None
    found = [address.rpartition(":")[2] for address in needs.connects]
    return frozenset({NAMES, *map(int, found)}) if all(port.isdecimal() for port in found) else None
