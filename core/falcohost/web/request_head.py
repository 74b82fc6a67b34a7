"""The head of an HTTP request, and its body in chunks, as llhttp reads them (httptools), the parser of Node.js.

What it takes for a request is checked further here: what two parsers may read differently is refused, since a proxy
before this one may have read it as another request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

#: Ends a head.
END: Final = b"\r\n\r\n"

_VERSIONS: Final = ("1.0", "1.1")

#: Most headers of a request, and most digits of the length of its body.
_MOST: Final = 100
_DIGITS: Final = 19


class Malformed(Exception):
    """What has come is no request of HTTP/1.0 or 1.1."""


class Headers(Mapping[str, str]):
    """The headers of a request; upper and lower case are alike."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        """Return the value of the header *name*; several of one name are joined by commas."""
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        """Return the names, in lower case."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._values)


class Head:
    """The head of a request, which *data* is, to :data:`END`.

    :ivar path: what is asked for, without the query.
    :ivar length: bytes of the body; None: it comes in chunks.
    :ivar stays: the sender keeps the connection.
    :raises Malformed: it is none.
    """

    __slots__ = ("_heard", "_parser", "headers", "length", "method", "path", "stays")

    def __init__(self, data: bytes) -> None:
        self._heard = heard = _Heard()
        self._parser = parser = HttpRequestParser(heard)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:  # another protocol is offered, and need not be taken
            pass
        except HttpParserError as error:
            raise Malformed(str(error)) from error
        values = heard.values
        method, version = parser.get_method(), parser.get_http_version()
        first = b"%b %b HTTP/%b\r\n" % (method, heard.url, version.encode())
        if not heard.in_body or version not in _VERSIONS or not data.startswith(first):
            raise Malformed("not HTTP")
        if heard.parts or heard.more:
            raise Malformed("its end is elsewhere")
        length = values.get("content-length", "0")
        if len(length) > _DIGITS:
            raise Malformed("a length of too many digits")
        self.length: int | None = int(length)
        if (coding := values.get("transfer-encoding")) is not None:
            if coding.lower() != "chunked" or heard.complete or version == "1.0":
                raise Malformed("a transfer encoding that is not known")
            self.length = None
        if heard.count > _MOST:
            raise Malformed("too many headers")
        if heard.hosts != 1 and (heard.hosts or version == "1.1"):
            raise Malformed("not one host")
        self.headers = Headers(values)
        self.path = heard.url.partition(b"?")[0].decode("latin-1")
        self.method = method.decode("latin-1")
        # What the parser says of it holds no longer when it has read a request without a body.
        self.stays = version == "1.1" and "close" not in values.get("connection", "").lower()


class Chunks:
    """Reads the body of a request with *head* that comes in chunks.

    :param between: most bytes that come one after the other and have nothing of the body.
    :ivar complete: it has come to its end.
    :ivar more: something has come behind it.
    """

    def __init__(self, head: Head, between: int) -> None:
        self._heard, self._parser = head._heard, head._parser
        self._between = between
        self._since = 0

    @property
    def complete(self) -> bool:
        """Return whether the body has come to its end."""
        return self._heard.complete

    @property
    def more(self) -> bool:
        """Return whether something has come behind it."""
        return self._heard.more

    def feed(self, data: bytes) -> bytes:
        """Return what of the body is in *data*: joined, since each part for itself takes more memory than it has bytes.

        :raises Malformed: these are no chunks, or too much is between them.
        """
        heard = self._heard
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            heard.more = True
        except HttpParserError as error:
            if not heard.complete:
                raise Malformed(str(error)) from error
            heard.more = True
        parts, heard.parts = heard.parts, []
        # The parser keeps a header behind the body until its end, and reads over what is said of a chunk.
        self._since = 0 if parts else self._since + len(data)
        if not heard.complete and self._since > self._between:
            raise Malformed("too much between the parts of the body")
        return b"".join(parts)


class _Heard:
    """What the parser has said of one request."""

    __slots__ = ("complete", "count", "hosts", "in_body", "more", "parts", "url", "values")

    def __init__(self) -> None:
        self.url = b""
        self.values: dict[str, str] = {}
        self.count = self.hosts = 0
        self.parts: list[bytes] = []
        self.in_body = self.complete = self.more = False

    def on_message_begin(self) -> None:
        self.more = self.complete

    def on_url(self, url: bytes) -> None:
        if not self.in_body:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.count += 1
        if self.in_body or self.count > _MOST:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        if key in self.values:
            text = f"{self.values[key]},{text}"
        self.values[key] = text
        self.hosts += key == "host"

    def on_headers_complete(self) -> None:
        self.in_body = True

    def on_body(self, part: bytes) -> None:
        if not self.complete:
            self.parts.append(part)

    def on_message_complete(self) -> None:
        self.complete = True
