"""A server that answers as S3 and SQS do over TLS, for ``bench s3``, in a process of its own.

It knows one bucket and one queue, and asks for no signatures.
"""

from __future__ import annotations

import json
import os
import select
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

BUCKET, PREFIX, QUEUE = "bench", "log/", "queue"
TOGETHER = 10

_LISTED = (
    "<Contents><Key>{key}</Key><LastModified>2026-11-29T00:00:00.000Z</LastModified>"
    '<ETag>"e"</ETag><Size>{size}</Size></Contents>'
)


class Answers(BaseHTTPRequestHandler):
    """Answers as S3 and SQS do, with the objects of :attr:`folder`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 20
    folder = Path()
    waiting: ClassVar[list[str]] = []
    lock = threading.Lock()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """List the objects, or answer with one."""
        where = urlsplit(self.path)
        if "list-type" in parse_qs(where.query):
            names = sorted(path.name for path in self.folder.iterdir())
            found = "".join(_LISTED.format(key=PREFIX + name, size=1) for name in names)
            if "delimiter" in where.query:
                found = ""
            text = f"<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
            self._answer(text.encode(), {"Content-Type": "application/xml"})
            return
        data = (self.folder / where.path.rpartition("/")[2]).read_bytes()
        more = {"ETag": '"e"', "Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}", "x-amz-request-id": "1"}
        self._answer(data, more, 206)

    def do_POST(self) -> None:
        """Answer as SQS does."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        action = self.headers["X-Amz-Target"].rpartition(".")[2]
        found: dict[str, Any] = {}
        if action == "GetQueueUrl":
            found = {"QueueUrl": f"https://{self.headers['Host']}/1/{QUEUE}"}
        elif action == "ReceiveMessage":
            until = time.monotonic() + asked.get("WaitTimeSeconds", 0)
            while not self.waiting and time.monotonic() < until and not self._is_left(0.05):
                pass
            if self._is_left(0):  # it takes none from the next round
                self.close_connection = True
                return
            with self.lock:
                some, self.waiting[:] = self.waiting[:TOGETHER], self.waiting[TOGETHER:]
            found = {"Messages": [_message(name) for name in some]}
        elif action == "DeleteMessageBatch":
            found = {"Successful": [{"Id": one["Id"]} for one in asked["Entries"]], "Failed": []}
        elif action == "SendMessage":  # the queue is filled with all objects anew
            with self.lock:
                self.waiting[:] = sorted(path.name for path in self.folder.iterdir())
            found = {"MessageId": "1"}
        self._answer(json.dumps(found).encode(), {"Content-Type": "application/x-amz-json-1.0"})

    def _is_left(self, seconds: float) -> bool:
        """Return whether whoever waits for an answer closes the connection within *seconds*."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _answer(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _message(name: str) -> dict[str, object]:
    entry = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": PREFIX + name}}}
    attributes = {"ApproximateReceiveCount": "1"}
    return {
        "MessageId": name,
        "ReceiptHandle": name,
        "Body": json.dumps({"Records": [entry]}),
        "Attributes": attributes,
    }


def serve(folder: Path, keys: Path, processors: str) -> None:
    """Serve the objects in *folder* with the key and certificate in *keys* on *processors*; print the port."""
    Answers.folder = folder
    if given_processors := [int(one) for one in processors.split(",") if one]:
        os.sched_setaffinity(0, given_processors)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "cert.pem", keys / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    server.serve_forever()


def certificate(keys: Path) -> None:
    """Write a key and a certificate for this machine."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(keys / "key.pem"),
        "-out",
        str(keys / "cert.pem"),
    ]
    subprocess.run([*command, *names], check=True, capture_output=True)


@contextmanager
def served(folder: Path, keys: Path, processors: Sequence[int]) -> Iterator[str]:
    """Serve the objects in *folder* on *processors*, in another process; yield the server's URL.

    The certificate is ``cert.pem`` in *keys*.
    """
    certificate(keys)
    command = [sys.executable, __file__, str(folder), str(keys), ",".join(map(str, processors))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as server:
        try:
            assert server.stdout is not None
            yield f"https://localhost:{int(server.stdout.readline())}"
        finally:
            server.kill()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
