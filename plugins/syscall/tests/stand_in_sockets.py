"""Sockets of the tests that stand in for those of container runtimes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self


class StandInSocket:
    """Listens at the socket *path*; use it as a context manager.

    :param serve: gets each connection in a thread of its own, and closes it.
    :ivar connections: how many have come.
    """

    def __init__(self, path: Path, serve: Callable[[socket.socket], object]) -> None:
        self._serve = serve
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(64)
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()
