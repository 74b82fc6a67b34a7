"""The agent's end of the control socket (:mod:`falcohost.host.connection`), over which commands ask for its numbers.

Nothing here waits for a client; a client that does not read its answers is disconnected.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from falcohost.host.connection import NAME, Request, Upgrade, reachable
from falcohost.host.snapshot import Snapshot, encode
from falcohost.host.supervision.loop import Loop, Timer
from falcohost.log import log

#: Most clients at a time, and most bytes of a request.
MOST_CLIENTS = 16
LONGEST_REQUEST = 1024

#: Seconds until a client is accepted again, if no descriptor was free for one.
PAUSE: Final = 1.0
_NO_DESCRIPTOR: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class _Client:
    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.received = b""
        self.measures = False


class TurnActions(Protocol):
    """Stops or resumes all actions."""

    def __call__(self, *, stopped: bool) -> str:
        """Stop or resume them; return what is wrong with that, or an empty text."""


class Control:
    """Answers clients from the supervisor's loop.

    :param directory: the state directory; None if there is none, so that no client can connect.
    :param refresh: calls its argument when the numbers are those of now.
    :param answer: returns the current numbers.
    :param measure: called with True when the first client wants costs measured, with False when the last one has left.
    :param upgrade: begins an upgrade; calls its argument with the reason why there is none, or with an empty text.
    :param turn_actions: stops or resumes all actions; returns what is wrong with that.
    :param hand_over: gives a duplicate of a client's descriptor to the store process.
    """

    def __init__(
        self,
        loop: Loop,
        directory: Path | None,
        refresh: Callable[[Callable[[], None]], None],
        answer: Callable[[], Snapshot],
        measure: Callable[[bool], None],
        upgrade: Callable[[Callable[[str], None]], None] = lambda answer: answer("it cannot be upgraded"),
        hand_over: Callable[[int], None] = lambda link: None,
        turn_actions: TurnActions = lambda *, stopped: "this agent takes no actions",
    ) -> None:
        self._measuring = False
        self._loop = loop
        self._directory = directory
        self._refresh = refresh
        self._answer = answer
        self._measure = measure
        self._upgrade = upgrade
        self._hand_over = hand_over
        self._turn_actions = turn_actions
        self._clients: set[_Client] = set()
        self._listener: socket.socket | None = None
        self._pause: Timer | None = None

    def __enter__(self) -> None:
        if self._directory is None:
            return
        try:
            self._listener = _listener(self._directory)
        except OSError as error:
            path = f"{self._directory}/{NAME}"
            log.warning("'falcohost stats' cannot reach this agent: cannot create %s: %s", path, error.strerror)
            return
        self._listen()

    def __exit__(self, *_: object) -> None:
        for client in tuple(self._clients):
            self._leave(client)
        if self._listener is not None and self._directory is not None:
            if self._pause is None:
                self._loop.forget(self._listener)
            else:
                self._loop.cancel(self._pause)
            self._listener.close()
            with contextlib.suppress(OSError):
                (self._directory / NAME).unlink()

    def _listen(self) -> None:
        assert self._listener is not None
        self._pause = None
        self._loop.watch(self._listener, self._accept)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            link, _ = self._listener.accept()
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR:  # the client stays, and with it the listener is ready all the time
                self._loop.forget(self._listener)
                self._pause = self._loop.after(PAUSE, self._listen)
            return
        if len(self._clients) >= MOST_CLIENTS:
            link.close()
            return
        link.setblocking(False)
        client = _Client(link)
        self._clients.add(client)
        self._loop.watch(link, lambda: self._serve(client))

    def _serve(self, client: _Client) -> None:
        if client not in self._clients:
            return
        try:
            data = client.link.recv(LONGEST_REQUEST)
            client.received += data
            if b"\n" in client.received:
                line, client.received = client.received, b""
                self._reply(client, _decode_request(line))  # clients send one line and wait; more is not valid JSON
        except (OSError, ValueError):
            data = b""
        if client in self._clients and (not data or len(client.received) > LONGEST_REQUEST):
            self._leave(client)

    def _reply(self, client: _Client, request: Request) -> None:
        if request.upgrade:
            self._upgrade(lambda problem: self._send(client, msgspec.json.encode(Upgrade(problem)) + b"\n"))
            return
        if request.actions:
            problem = self._turn_actions(stopped=request.actions == "stop")
            self._send(client, msgspec.json.encode(Upgrade(problem)) + b"\n")
            return
        if request.store:
            self._hand_over(client.link.fileno())
            self._leave(client)
            return
        client.measures = request.measure
        self._look_who_measures()
        self._refresh(lambda: self._answer_to(client))

    def _answer_to(self, client: _Client) -> None:
        if client in self._clients:
            self._send(client, encode(self._answer()))

    def _send(self, client: _Client, reply: bytes) -> None:
        if client not in self._clients:
            return
        try:
            whole = client.link.send(reply) == len(reply)
        except OSError:
            whole = False
        if not whole:  # it does not read its answers, or is gone
            self._leave(client)

    def _leave(self, client: _Client) -> None:
        self._loop.forget(client.link)
        client.link.close()
        self._clients.remove(client)
        self._look_who_measures()

    def _look_who_measures(self) -> None:
        wanted = any(client.measures for client in self._clients)
        if wanted != self._measuring:
            self._measuring = wanted
            self._measure(wanted)


def _listener(directory: Path) -> socket.socket:
    """Return a new listening socket in *directory*, replacing one that an earlier agent left behind.

    :raises OSError: it cannot be created.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(0o177)
    try:
        (directory / NAME).unlink(missing_ok=True)
        with reachable(directory) as path:
            listener.bind(path)
        listener.listen(MOST_CLIENTS)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


_decode_request = msgspec.json.Decoder(Request).decode
