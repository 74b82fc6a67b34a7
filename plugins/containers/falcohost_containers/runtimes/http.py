"""GET requests over a socket, as docker and podman serve them.

Python's own client imports OpenSSL and parsers of mail, 2.2 MB that the helper would have for this alone. Of an answer
to HTTP/1.0, which never comes in chunks and ends with the connection (RFC 9112, sections 6.1 and 6.3), little is read.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from falcohost_containers.runtimes.engine import MOST_BYTES, Deadline, RuntimeFailed, connected, received

_T = TypeVar("_T")

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r\n]")
_LENGTH: Final = re.compile(rb"\r?\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r?\n", re.IGNORECASE)
_CODED: Final = re.compile(rb"\ntransfer-encoding:", re.IGNORECASE)
_END: Final = re.compile(rb"\r?\n\r?\n")
_NOT_FOUND: Final = 404
_OK: Final = 200

#: Most bytes of the status and the headers.
_MOST_HEAD: Final = 1 << 16


def get(path: Path, target: str, kind: type[_T]) -> _T | None:
    """Return the JSON document at *target* of the server at the socket *path*, as a *kind*; None: it is not there.

    :raises RuntimeFailed: the server answers something else.
    :raises OSError: it does not answer.
    :raises ValueError: the document is not as it should be.
    """
    deadline = Deadline()
    with connected(path, deadline) as link:
        link.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        status, body = _response(link, deadline)
    if status == _NOT_FOUND:
        return None
    if status != _OK:
        raise RuntimeFailed(f"GET {target}: status {status}")
    return msgspec.json.decode(body, type=kind)


def _response(link: socket.socket, deadline: Deadline) -> tuple[int, bytearray]:
    """Return status and body of the response on *link*."""
    data = bytearray()
    while (end := _END.search(data, 0, _MOST_HEAD)) is None:
        if len(data) >= _MOST_HEAD or not (more := received(link, deadline)):
            raise RuntimeFailed("no HTTP: headers that do not end")
        data += more
    head, length = bytes(data[: end.end()]), None
    if (said := _STATUS.match(head)) is None or _CODED.search(head):
        raise RuntimeFailed("no HTTP/1.0")
    if (found := _LENGTH.search(head)) is not None:
        length = int(found[1])
    del data[: end.end()]
    while length is None or len(data) < length:
        if len(data) > MOST_BYTES:
            raise RuntimeFailed("an answer that is too large")
        if not (more := received(link, deadline)):
            break
        data += more
    if length is not None and len(data) != length:
        raise RuntimeFailed("an answer that has not come as a whole")
    return int(said[1]), data
