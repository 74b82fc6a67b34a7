"""A socket before another one, whose answers come late."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

from stand_in_sockets import StandInSocket


class SlowSocket(StandInSocket):
    """Passes on what comes to the socket *path* to the socket *behind*, and each answer after *seconds*."""

    def __init__(self, path: Path, behind: Path, seconds: float) -> None:
        self._behind = behind
        self._seconds = seconds
        self._ends = threading.Event()
        super().__init__(path, self._pass_on)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.set()
        super().__exit__(kind, error, at)

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
