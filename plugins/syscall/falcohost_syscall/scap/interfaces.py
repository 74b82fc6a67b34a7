"""The addresses of this machine, which tell which end of a socket is its own (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct
import time
from typing import Final

from falcohost_syscall.scap.sockets import Interfaces

#: Seconds between two looks.
_PERIOD: Final = 1.0
_REQUEST: Final = struct.Struct("=IHHIIB")
_HEADER: Final = struct.Struct("=IHHII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_GET, _NEW, _DONE, _ERROR = 22, 20, 3, 2  # RTM_GETADDR, RTM_NEWADDR, NLMSG_DONE, NLMSG_ERROR
_ASK_ALL: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_MOST: Final = 1 << 16


class OwnAddresses:
    """Asks the kernel for the addresses now and then, with a socket that is open from the beginning."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._due = 0.0

    def tell(self, interfaces: Interfaces) -> None:
        """Have *interfaces* know the addresses, if it is time to look."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _PERIOD
        if self._socket is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
            self._socket.settimeout(1)
        try:
            found = self._ask(self._socket)
        except OSError:
            return
        interfaces.replace(found)

    @staticmethod
    def _ask(link: socket.socket) -> list[tuple[bytes, bytes]]:
        """Return the addresses with their masks."""
        link.send(_REQUEST.pack(_REQUEST.size, _GET, _ASK_ALL, 0, 0, socket.AF_UNSPEC))
        found: list[tuple[bytes, bytes]] = []
        while True:
            data = link.recv(_MOST)
            at = 0
            while at + _HEADER.size <= len(data):
                size, kind, *_ = _HEADER.unpack_from(data, at)
                if kind in (_DONE, _ERROR) or size < _HEADER.size:
                    return found
                if kind == _NEW and (one := _address(data[at + _HEADER.size : at + size])) is not None:
                    found.append(one)
                at += size + -size % 4

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _address(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the address in a message, and its mask."""
    _, length, *_ = _ADDRESS.unpack_from(data)
    at, known = _ADDRESS.size, {}
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size:
            break
        known[kind] = data[at + _ATTRIBUTE.size : at + size]
        at += size + -size % 4
    found = known.get(_IFA_LOCAL) or known.get(_IFA_ADDRESS)
    if found is None:
        return None
    bits = 8 * len(found)
    return found, (((1 << bits) - 1) << (bits - length) & ((1 << bits) - 1)).to_bytes(len(found), "big")
