"""Makes streams of HTTP requests at random, most of them damaged, and reads requests as RFC 9112 has them, strictly.

The reader is slow and plain, and takes nothing that the RFC only tolerates but what is said below.
"""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

_LINE_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"\r\n\t", b"\0\r\n", b"")

_LENGTHS = (
    b"+%d", b"-%d", b"%d, %d", b"0x%x", b"%d %d", b"00%d", b"%d;", b"", b"\xb2", b"%d.0", b"18446744073709551%d",
    b"1000000000000000000000000000000000000000%d", b'"%d"', b"\x0b%d", b"%d\0", b"\t%d\t", b"1_%d",
)  # fmt: skip

_CODINGS = (
    b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"\tchunked\t", b"xchunked", b"Chunked",
    b"chunked\x0b", b"\x0bchunked", b",chunked", b"chunked,", b"chunked;q=1", b'"chunked"', b"", b"chunked\0",
    b"chunked identity", b"\x85chunked",
)  # fmt: skip

_SIZES = (
    b"%x ", b" %x", b"0x%x", b"+%x", b"-%x", b"%x;", b"%x;a=b", b'%x;a="\r\n"', b"%x;a\nb", b"000000000000000%x",
    b"1000000000000000%x", b"fffffffffffffff%x", b"%x\t", b"", b"%x\0", b"%x;\r", b"%X", b"%x_0",
)  # fmt: skip

_HEADERS = (
    b"Expect: 100-continue", b"expect: 100-Continue", b"Connection: close", b"Connection: keep-alive",
    b"Connection: Upgrade\r\nUpgrade: h2c", b"Upgrade: websocket", b"X: \xff\xfe", b"X:", b": x", b"X : y", b"X",
    b"\xe9: x", b"X: a\x01b", b"X: a\x7fb", b"X: a\rb", b"Host: other", b"Content-Encoding: gzip",
    b"X: " + b"y" * 300, b"Content-Type: text/plain", b"Trailer: Content-Length", b"TE: trailers", b" X: y",
    b"X\0: y", b"X-y: z", b"Content-Length : 5", b"Transfer_Encoding: chunked", b"Content-Length\t: 5",
    b"Proxy-Connection: close", b"Connection: close, keep-alive", b"Connection: Transfer-Encoding",
    b"Origin: http://a",
)  # fmt: skip

_FIRST = (
    b"POST  /in HTTP/1.1", b"POST /in  HTTP/1.1", b"POST\t/in HTTP/1.1", b"post /in HTTP/1.1", b"POST /in HTTP/1.0",
    b"POST /in HTTP/1.2", b"POST /in HTTP/2.0", b"POST /in HTTP/0.9", b"POST /in", b"POST /in HTTP/1.1 ",
    b" POST /in HTTP/1.1", b"PUT /in HTTP/1.1", b"HEAD /in HTTP/1.1", b"GET /in HTTP/1.1",
    b"CONNECT localhost:80 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"POST http://localhost/in HTTP/1.1",
    b"POST /in?x=y HTTP/1.1", b"POST /in#x HTTP/1.1", b"POST /other HTTP/1.1", b"POST /i\xff HTTP/1.1",
    b"POST /in HTTP/01.1", b"POST /in HTTP/1.10", b"POST /in HTTP/1,1", b"POST /in http/1.1", b"POST /in ICE/1.0",
    b"SOURCE /in ICE/1.0", b"POST /in RTSP/1.0", b"PRI * HTTP/2.0", b"POST /in\0 HTTP/1.1", b"POST in HTTP/1.1",
    b"M-SEARCH /in HTTP/1.1", b"QUERY /in HTTP/1.1", b"",
)  # fmt: skip


def stream(random: Random) -> bytes:
    """Return requests one behind the other; bytes of some are changed at random."""
    data = b"".join(_request(random, number) for number in range(random.randint(1, 5)))
    return _damaged(random, data) if random.random() < 0.3 else data


def cuts(random: Random, data: bytes) -> list[bytes]:
    """Return *data* in pieces."""
    way = random.random()
    if way < 0.3:
        return [data]
    if way < 0.4:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randint(1, 12)))
    return [data[first:last] for first, last in zip([0, *places], [*places, len(data)], strict=True) if first < last]


def _request(random: Random, number: int) -> bytes:
    """Return a request; about half of all are as they should be."""

    def seldom(share: float = 0.05) -> bool:
        return random.random() < share

    end = random.choice(_LINE_ENDS) if seldom() else b"\r\n"
    first = random.choice(_FIRST) if seldom(0.1) else b"POST /in HTTP/1.1"
    body = b'{"n":%d}' % number
    if seldom(0.2):
        body = (
            b"POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"
            + body
        )
    headers = [b"Content-Type: application/json"]
    headers += [b"Host: localhost"] * (random.choice((0, 2)) if seldom() else 1)
    headers += random.choices(_HEADERS, k=random.choice((0, 0, 0, 1, 2)))
    if seldom(0.01):
        headers += [b"A: b"] * random.choice((90, 96, 97, 98, 200, 1000))
    if seldom(0.4):
        coding = random.choice(_CODINGS) if seldom(0.1) else b"chunked"
        headers += [b"Transfer-Encoding:" + (b"" if seldom() else b" ") + coding] * (2 if seldom() else 1)
        if seldom():
            headers.append(b"Content-Length: %d" % random.choice((0, len(body), 5)))
        body = _chunks(random, body)
    elif not seldom(0.05):
        length = max(0, len(body) + (random.choice((-1, 1, -len(body), 7, 80)) if seldom() else 0))
        text = random.choice(_LENGTHS) if seldom(0.1) else b"%d"
        text = text % ((length,) * text.count(b"%"))
        headers += [b"Content-Length: " + text] * (2 if seldom(0.03) else 1)
        if seldom(0.03):
            headers.append(b"Content-Length: %d" % random.choice((0, length, 5)))
    random.shuffle(headers)
    lines = [first, *headers]
    before = random.choice((b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\r")) if seldom() else b""
    joined = b"".join(line + (random.choice(_LINE_ENDS) if seldom(0.005) else b"\r\n") for line in lines)
    return before + joined + end + body


def _chunks(random: Random, body: bytes) -> bytes:
    def end() -> bytes:
        return random.choice(_LINE_ENDS) if random.random() < 0.02 else b"\r\n"

    places = sorted(random.randrange(len(body) + 1) for _ in range(random.randint(0, 3)))
    parts = [body[first:last] for first, last in zip([0, *places], [*places, len(body)], strict=True) if first < last]
    data = b""
    for part in parts:
        text = random.choice(_SIZES) if random.random() < 0.05 else b"%x"
        data += text % ((len(part),) * text.count(b"%")) + end() + part + end()
    trailer = random.choice(
        (b"X: y\r\n", b"Content-Length: 5\r\n", b"X\r\n", b" X\r\n", b"X: y\n", b"Host: a\r\n", b": x\r\n")
    )
    return (
        data
        + random.choice((b"0", b"0", b"0", b"000", b"0;x", b"0 "))
        + end()
        + (trailer if random.random() < 0.1 else b"")
        + end()
    )


def _damaged(random: Random, data: bytes) -> bytes:
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(4)
        if kind == 0:
            data = (
                data[:at]
                + random.choice((b"\0", b"\r", b"\n", b"\r\n", b" ", b":", b"\t", b"\xff", b"\x7f", b"0"))
                + data[at:]
            )
        elif kind == 1:
            data = data[:at] + data[at + random.choice((1, 1, 2, 20)) :]
        elif kind == 2:
            other = random.randrange(len(data) + 1)
            data = data[:at] + data[other : other + random.choice((2, 30, 200))] + data[at:]
        else:
            data = data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    return data


class Request(NamedTuple):
    """A request with its whole body."""

    method: bytes
    target: bytes
    body: bytes


class Wrong(Exception):
    """What has come is no request."""


_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_first = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/(1\.[01])").fullmatch
_header = re.compile(
    rb"(" + _TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
).fullmatch
_length = re.compile(rb"[0-9]{1,19}").fullmatch
_size = re.compile(rb"(0*[0-9a-fA-F]{1,16})((?:;[\t \x21-\x7e\x80-\xff]*)?)").fullmatch


def read(data: bytes) -> tuple[list[Request], str]:
    """Return the requests in *data*, and how these end: ``whole``, ``part`` of one, or ``wrong``."""
    found: list[Request] = []
    try:
        while True:
            data = data.lstrip(b"\r\n")  # tolerated: empty lines before a request, which are none
            if not data:
                return found, "whole"
            request, data, last = _one(data)
            if request is None:
                return found, "part"
            found.append(request)
            if last:
                return found, "whole"
    except Wrong:
        return found, "wrong"


def _one(data: bytes) -> tuple[Request | None, bytes, bool]:
    head, ended, rest = data.partition(b"\r\n\r\n")
    if not ended:
        return None, data, False
    line, *lines = head.split(b"\r\n")
    if (first := _first(line)) is None:
        raise Wrong(line)
    values: dict[bytes, list[bytes]] = {}
    for one in lines:
        if (header := _header(one)) is None:
            raise Wrong(one)
        values.setdefault(header[1].lower(), []).append(header[2])
    if len(values.get(b"host", [])) != 1 and (b"host" in values or first[3] == b"1.1"):
        raise Wrong("host")
    coding, lengths = values.get(b"transfer-encoding"), values.get(b"content-length")
    last = first[3] == b"1.0" or b"close" in b",".join(values.get(b"connection", [])).lower()
    if coding is not None:
        if lengths is not None or len(coding) != 1 or coding[0].lower() != b"chunked":
            raise Wrong("framing")
        body, rest = _in_chunks(rest)
    else:
        if lengths is not None and (len(lengths) != 1 or not _length(lengths[0])):
            raise Wrong("length")
        size = int(lengths[0]) if lengths else 0
        body, rest = (rest[:size], rest[size:]) if len(rest) >= size else (None, rest)
    if body is None:
        return None, rest, False
    return Request(first[1], first[2], body), rest, last


def _in_chunks(data: bytes) -> tuple[bytes | None, bytes]:
    body = b""
    while True:
        line, ended, data = data.partition(b"\r\n")
        if not ended:
            return None, data
        if (size := _size(line)) is None:
            raise Wrong(line)
        length = int(size[1], 16)
        if not length:
            break
        if len(data) < length + 2:
            if len(data) > length and data[length:] != b"\r":
                raise Wrong("chunk")
            return None, data
        if data[length : length + 2] != b"\r\n":
            raise Wrong("chunk")
        body, data = body + data[:length], data[length + 2 :]
    while True:
        line, ended, data = data.partition(b"\r\n")
        if not ended:
            return None, data
        if not line:
            return body, data
        if _header(line) is None:
            raise Wrong(line)
