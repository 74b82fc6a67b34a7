"""A socket before another one, whose answers come late."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from pathlib import Path
from types import TracebackType


class SlowSocket:
    """Passes on what comes to the socket *path* to the socket *behind*, and each answer after *seconds*."""

    def __init__(self, path: Path, behind: Path, seconds: float) -> None:
        self._behind = behind
        self._seconds = seconds
        self._ends = threading.Event()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(64)
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> SlowSocket:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._pass_on, args=(link,), daemon=True).start()

    def _pass_on(self, link: socket.socket) -> None:
        answers: queue.Queue[tuple[float, bytes]] = queue.Queue()
        with link, socket.socket(socket.AF_UNIX) as behind, contextlib.suppress(OSError):
            behind.connect(str(self._behind))
            threading.Thread(target=self._take, args=(behind, answers), daemon=True).start()
            threading.Thread(target=self._ask, args=(link, behind), daemon=True).start()
            while data := self._next(answers):
                link.sendall(data)

    def _next(self, answers: queue.Queue[tuple[float, bytes]]) -> bytes:
        came, data = answers.get()
        return b"" if self._ends.wait(max(came + self._seconds - time.monotonic(), 0.0)) else data

    def _take(self, behind: socket.socket, answers: queue.Queue[tuple[float, bytes]]) -> None:
        data = b" "
        while data:
            try:
                data = behind.recv(1 << 16)
            except OSError:
                data = b""
            answers.put((time.monotonic(), data))

    def _ask(self, link: socket.socket, behind: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := link.recv(1 << 16):
                behind.sendall(data)
            behind.shutdown(socket.SHUT_WR)
