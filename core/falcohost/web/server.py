"""The HTTP server: one thread with an event loop for all senders, in which none can block another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import threading

from falcohost.web.door import Door
from falcohost.web.handler import Desk, WebhookRequest
from falcohost.web.serving import Links

#: Seconds for sending the last answers when the listener is closed.
FAREWELL = 1.0


class Server:
    """Serves *path* on the sockets *listening*, in a thread that :meth:`start` starts."""

    def __init__(self, listening: list[socket.socket], path: str, tls: ssl.SSLContext | None, desk: Desk) -> None:
        self._listening = listening
        self._path = path
        self._tls = tls
        self._desk = desk
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._started = False

    def start(self) -> None:
        """Start to serve. Call this after the privileges are dropped, since a thread keeps those of its start."""
        self._started = True
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Return whether the thread is running."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop listening; give pending answers a moment to be sent."""
        if self._started:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(2 * FAREWELL)
        else:
            self._loop.close()
        for listening in self._listening:
            listening.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        desk = self._desk
        links = Links(functools.partial(WebhookRequest, self._path, desk), desk.limits, desk.connections)
        proves = desk.secret.client_ca is not None
        door = Door(links, self._tls, desk.limits, desk.connections, desk.refusals, proves=proves)
        for listening in self._listening:
            door.open(listening)
        sweeping = asyncio.create_task(door.sweep())
        await self._closing.wait()
        sweeping.cancel()
        door.shut()
        await asyncio.sleep(0.05)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(door.close(), FAREWELL)
