"""TLS handshakes of a listener: in threads of their own, and bounded in time.

Their arithmetic takes a millisecond or more each. In the thread that serves all senders, a flood of them would delay
every request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Executor

#: Threads that do handshakes.
THREADS = 2


async def shaken(connection: ssl.SSLSocket, seconds: float, threads: Executor) -> bool:
    """Do the handshake on the non-blocking *connection*; return whether it succeeded within *seconds*.

    To end it earlier, call :func:`hang_up`; the connection must not be closed meanwhile, since a thread uses it.
    """
    loop = asyncio.get_running_loop()
    limit = loop.call_later(seconds, hang_up, connection)
    try:
        while True:
            try:
                await loop.run_in_executor(threads, connection.do_handshake)
            except ssl.SSLWantReadError:
                await _until(loop.add_reader, loop.remove_reader, connection)
            except ssl.SSLWantWriteError:
                await _until(loop.add_writer, loop.remove_writer, connection)
            else:
                return not limit.cancelled() and loop.time() < limit.when()
    except (OSError, ValueError, RuntimeError):  # RuntimeError: the threads are ending
        return False
    finally:
        limit.cancel()


def hang_up(connection: socket.socket) -> None:
    """End *connection* without closing its descriptor."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not that of SSLSocket, which forgets the TLS state


async def _until(add: Callable[..., None], remove: Callable[[int], bool], connection: socket.socket) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    number = connection.fileno()

    def set_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    add(number, set_ready)
    try:
        await ready
    finally:
        remove(number)
