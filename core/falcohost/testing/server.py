"""An HTTP server for tests of sources that poll one: the test chooses the answers, the sockets are real."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the server has received.

    :ivar query: the last value of each parameter.
    :ivar headers: with names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """A reply of the server.

    :ivar headers: sent besides length, type (JSON) and date, which they can replace.
    :ivar gate: the server waits for this event before it replies.
    :ivar cut: the connection is closed after this many bytes of the body, whatever its length says.
    """

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event | None = None
    cut: int | None = None


class HttpServer:
    """Answers each request with the reply that *answer* returns; None closes the connection without a reply.

    :ivar url: its URL, without a slash at the end.
    :ivar requests: all requests so far.
    :ivar connections: the number of connections so far.
    """

    def __init__(
        self, answer: Callable[[Request], Reply | None], tls: ssl.SSLContext | None = None, *, port: int = 0
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self, answer))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'' if tls is None else 's'}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: HttpServer, answer: Callable[[Request], Reply | None]) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            address = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(self.command, address.path, query, headers, body)
            server.requests.append(request)
            reply = answer(request)
            if reply is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if reply.gate is not None:
                reply.gate.wait()
            self._send(reply)

        do_GET = do_POST = do_PATCH = _serve

        def _send(self, reply: Reply) -> None:
            standard = {
                "Date": formatdate(usegmt=True),
                "Content-Type": "application/json",
                "Content-Length": str(len(reply.body)),
            }
            self.send_response_only(reply.status)
            for name, value in (standard | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut])
            self.close_connection = reply.cut is not None

        def handle(self) -> None:
            server.connections += 1
            try:
                super().handle()
            except (OSError, ssl.SSLError):
                self.close_connection = True  # the client has gone away

        def log_message(self, format: str, *args: Any) -> None:
            return None

    return Handler
