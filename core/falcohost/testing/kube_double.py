"""A stand-in for kube-apiserver that speaks its protocol of lists and watches over HTTPS.

For what a real one cannot be made to do: forget what has changed, be slow, cut connections, send what is wrong.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from falcohost.testing.kube import PLURALS, Api, Json, certify
from falcohost.testing.ports import Port

#: Answers to a request: a status and the body's pieces; None: as it should be answered.
Odd = Callable[[str, dict[str, str]], tuple[int, Iterator[bytes]] | None]


class Double(Api):
    """The stand-in.

    :ivar requests: the paths with queries that were asked for, and the tokens.
    :ivar valid: the token that it accepts.
    :ivar oldest: changes before this number are forgotten.
    :ivar odd: answers in its place.
    :ivar retry_after: what its refusals say in the header ``Retry-After``; empty: they do not have it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        certify(folder)
        self.requests: list[tuple[str, str]] = []
        self.valid = "a-token"
        self.oldest = 0
        self.odd: Odd = lambda path, query: None
        self.retry_after = ""
        self._objects: dict[str, Any] = {}
        self._log: list[tuple[str, str, Any]] = []
        self._changed = threading.Condition()
        self._links: set[socket.socket] = set()
        self._port = Port()
        self.port = self._port.number
        self.start()

    def ask(self, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Any:
        """Change or return an object."""
        if path.endswith("/token"):
            return {"status": {"token": self.valid}}
        with self._changed:
            if method == "POST":
                assert body is not None
                return self._post(path, body)
            path = path.removesuffix("/status")
            if path not in self._objects:
                raise OSError(f"there is no {path}")
            if method == "PATCH":
                assert body is not None
                return self._put("MODIFIED", path, _merged(self._objects[path], body))
            if method == "DELETE":
                return self._put("DELETED", path, self._objects[path])
            return self._objects[path]

    def _post(self, path: str, body: Json) -> Any:
        one = json.loads(json.dumps(body))
        one["metadata"]["uid"] = str(uuid.uuid4())
        place = path.split("/namespaces/")
        if len(place) == 2:
            one["metadata"]["namespace"] = place[1].split("/")[0]
        return self._put("ADDED", f"{path}/{one['metadata']['name']}", one)

    def _put(self, kind: str, path: str, one: Any) -> Any:
        one = json.loads(json.dumps(one))
        one["metadata"]["resourceVersion"] = str(len(self._log) + 1)
        self._log.append((kind, path, one))
        self._objects[path] = one
        if kind == "DELETED":
            del self._objects[path]
        self._changed.notify_all()
        return one

    def forget(self) -> None:
        """Forget what has changed so far, as a server does after some minutes, and end all watches."""
        with self._changed:
            self._log += [("NONE", "", {})]
            self.oldest = len(self._log)
        self.cut()

    def cut(self) -> None:
        """Cut all connections."""
        with self._changed:
            links = [*self._links]
        for link in links:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(link, socket.SHUT_RDWR)

    def send(self, kind: str, line: bytes) -> None:
        """Have all watches of a kind send a line that is no event of an object."""
        with self._changed:
            self._log.append(("RAW", PLURALS[kind].rpartition("/")[2], line))
            self._changed.notify_all()

    def start(self) -> None:
        """Listen again."""
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no more, and cut all connections."""
        self._server.shutdown()
        self._server.server_close()
        self.cut()

    def close(self) -> None:
        """End it."""
        self.stop()
        self._port.close()

    def answer(self, path: str, query: dict[str, str], token: str) -> tuple[int, Iterator[bytes]]:
        """Return status and body of the answer to a request."""
        if token != self.valid:
            return 401, _body({"kind": "Status", "code": 401, "message": "Unauthorized"})
        if (odd := self.odd(path, query)) is not None:
            return odd
        if "watch" in query:
            return self._watch(path, query)
        with self._changed:
            if path in self._objects:
                return 200, _body(self._objects[path])
            if not any(path == one.replace("/namespaces/{}", "") for one in PLURALS.values()):
                return 404, _body({"kind": "Status", "code": 404, "message": f"{path} not found"})
            items = [one for place, one in self._objects.items() if _is_of(place, path, query, one)]
            version = str(len(self._log))
        return 200, _body({"kind": "List", "metadata": {"resourceVersion": version}, "items": items})

    def _watch(self, path: str, query: dict[str, str]) -> tuple[int, Iterator[bytes]]:
        since = int(query["resourceVersion"])
        if since < self.oldest:
            return 410, _body({"kind": "Status", "code": 410, "message": "too old resource version"})
        return 200, self._events(path, query, since)

    def _events(self, path: str, query: dict[str, str], since: int) -> Iterator[bytes]:
        until = time.monotonic() + int(query["timeoutSeconds"])
        while time.monotonic() < until:
            with self._changed:
                self._changed.wait_for(functools.partial(self._is_beyond, since), 0.5)
                new, since = self._log[since:], len(self._log)
            for kind, place, one in new:
                if kind == "RAW":
                    if place == path.rpartition("/")[2]:
                        yield one
                elif kind != "NONE" and _is_of(place, path, query, one):
                    yield json.dumps({"type": kind, "object": one}).encode() + b"\n"
            bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(since)}}}
            yield json.dumps(bookmark).encode() + b"\n"

    def _is_beyond(self, number: int) -> bool:
        return len(self._log) > number


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, double: Double) -> None:
        super().__init__(("127.0.0.1", double.port), _Handler)
        self.double = double
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(double.folder / "server.crt", double.folder / "server.key")

    def get_request(self) -> tuple[Any, Any]:
        """Return a connection that speaks TLS."""
        link, address = super().get_request()
        link.settimeout(30)
        return self._context.wrap_socket(link, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections are cut on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        """Take note of the connection."""
        super().setup()
        self.server.double._links.add(self.request)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.double._links.discard(self.request)
        super().finish()

    def do_GET(self) -> None:
        """Answer a request."""
        double, parts = self.server.double, urlsplit(self.path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        double.requests.append((self.path, token))
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        status, pieces = double.answer(parts.path.lstrip("/"), query, token)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        if double.retry_after and status >= 400:
            self.send_header("Retry-After", double.retry_after)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _body(one: object) -> Iterator[bytes]:
    yield json.dumps(one).encode()


def _is_of(place: str, path: str, query: dict[str, str], one: Any) -> bool:
    """Return whether the object at *place* is in the list at *path*."""
    root, _, resource = path.rpartition("/")
    if not place.startswith(f"{root}/") or place.split("/")[-2] != resource:
        return False
    name, _, value = query.get("fieldSelector", "").partition("=")
    return name != "spec.nodeName" or one["spec"].get("nodeName") == value


def _merged(one: Any, change: Json) -> Any:
    if not isinstance(one, dict):
        return change
    found = dict(one)
    for name, value in change.items():
        found[name] = _merged(found.get(name), value) if isinstance(value, dict) else value
    return found
