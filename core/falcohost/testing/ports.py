"""Reserves a port of this machine for a test's listener: the kernel gives it to nobody else meanwhile."""

from __future__ import annotations

import socket


class Port:
    """Holds a free port of 127.0.0.1 until it is closed.

    The socket that holds it is bound but does not listen, so connections are refused, and a server that sets
    ``SO_REUSEADDR`` can listen there; the kernel chooses the port for no other socket (``bind(2)`` to port 0,
    ``connect(2)``).

    :ivar number: the port.
    """

    def __init__(self) -> None:
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.number: int = self._holder.getsockname()[1]

    def close(self) -> None:
        """Release the port."""
        self._holder.close()
