"""Resolves host names in rules (``fd.sip.name = example.com``) in advance, so that addresses can be compared.

Names are collected while rules are loaded. Once the source runs, a thread resolves them repeatedly, so that no event
ever waits for a name server.
"""

from __future__ import annotations

import os
import socket
import threading
from ipaddress import ip_address

from falcohost_syscall.events.sockets import Address

#: Seconds between two rounds, and the longest time that a starting source waits for the first round.
INTERVAL, PATIENCE = 60.0, 2.0


class HostNames:
    """The names that rules compare with, and their addresses as of the last round."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._names: dict[Address, tuple[str, ...]] = {}
        self._runs_in = 0
        self._round = threading.Event()
        self._wake = threading.Event()

    @property
    def wanted(self) -> bool:
        """Whether rules compare with any name."""
        return bool(self._wanted)

    def want(self, name: str) -> None:
        """Add a name that a rule compares with."""
        if name not in self._wanted:
            self._wanted.add(name)
            self._wake.set()

    def names(self, address: Address) -> tuple[str, ...] | None:
        """Return the names that resolve to *address*, or None if there are none."""
        return self._names.get(address)

    def start(self) -> None:
        """Start to resolve in the background, once per process; wait a moment for the first round."""
        if not self._wanted or self._runs_in == os.getpid():
            return
        self._runs_in = os.getpid()
        threading.Thread(target=self._run, name="host names", daemon=True).start()
        self._round.wait(PATIENCE)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            found: dict[Address, tuple[str, ...]] = {}
            for name in sorted(self._wanted):
                for address in resolve(name):
                    found[address] = (*found.get(address, ()), name)
            self._names = found
            self._round.set()
            self._wake.wait(INTERVAL)


def resolve(name: str) -> set[Address]:
    """Return the addresses of a host name; the set is empty if it has none."""
    try:
        return {ip_address(row[4][0]) for row in socket.getaddrinfo(name, None)}
    except (OSError, ValueError, UnicodeError):
        return set()


#: The names in the rules of this process.
HOSTS = HostNames()
