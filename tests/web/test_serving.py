"""Connections over real sockets: requests one behind the other, bodies in chunks, and what is no HTTP."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from falcohost.testing.waiting import PATIENCE
from falcohost.web import Form

HEAD = b"POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
#: What some parsers take for the first line of a request, and others do not.
_FIRST_LINES = (b"POST  /in HTTP/1.1", b"POST /in RTSP/1.0", b"SOURCE /in ICE/1.0", b"POST /in HTTP/01.1")
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
#: It is refused before its end is read.
REFUSED_EARLY = HEAD.replace(b"json", b"xml") + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"


def request(body, head=HEAD):
    """Return a request with *body*."""
    return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


@pytest.fixture
def connect():
    """Return a function that connects to a listener."""
    with contextlib.ExitStack() as stack:

        def connect(served):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", served.address.port), PATIENCE))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return one

        yield connect


def answers(sender, count):
    """Return the status of the next *count* answers, or of those before the connection is closed."""
    data, found = b"", []
    while len(found) < count:
        head, end, rest = data.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
        if end and len(rest) >= length:
            found.append(int(head[9:12]))
            data = rest[length:]
            continue
        try:
            more = sender.recv(1 << 16)
        except ConnectionResetError:
            break
        if not more:
            break
        data += more
    return found


def test_requests_one_behind_the_other(serve, connect):
    """Requests that come together are taken one after the other, in order, and each is answered."""
    served = serve()
    sender = connect(served)
    sender.sendall(b"".join(request(b'{"n":%d}' % number) for number in range(50)))

    assert [200] * 50 == answers(sender, 50)
    assert [{"n": number} for number in range(50)] == served.records


@pytest.mark.parametrize("size", [1, 7, 100])
def test_requests_in_pieces(serve, connect, size):
    """However the bytes come, a request is the same."""
    served = serve()
    sender = connect(served)
    data = b"\r\n" + request(b'{"n":1}') + CHUNKED + b'3\r\n{"n\r\n4;x=y\r\n":2}\r\n0\r\nT: x\r\n\r\n'
    for at in range(0, len(data), size):
        sender.sendall(data[at : at + size])
        time.sleep(0.0005)

    assert [200, 200] == answers(sender, 2)
    assert [{"n": 1}, {"n": 2}] == served.records


def test_what_comes_while_a_request_waits(serve, connect):
    """What comes behind a request that is not answered yet is neither lost nor read without end."""
    served = serve(stores=False)
    sender = connect(served)
    sender.sendall(request(b'{"n":0}'))
    served.wait_for(1)
    many = b"".join(request(b'{"n":%d,"text":"%s"}' % (number, b"x" * 20_000)) for number in range(1, 1000))
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(sender.sendall, many)
        time.sleep(0.3)
        assert not sent.done()
        assert len(served.records) == 1
        served.stores = True
        assert served.post(b"{}")[0] == 200
        assert [200] * 1000 == answers(sender, 1000)
        sent.result()

    assert [*range(1000)] == [record["n"] for record in served.records if record]


def test_answers_and_requests_that_cross(serve, connect):
    """A request that comes just when the one before it is answered is served, too."""
    served = serve()
    sender = connect(served)
    for number in range(300):
        sender.sendall(request(b'{"n":%d}' % number))
        time.sleep(number % 30 / 30_000)
        sender.sendall(request(b'{"n":%d}' % number))
        assert [200, 200] == answers(sender, 2)

    assert len(served.records) == 600


def test_what_comes_behind_a_request_that_is_refused_early(serve, connect):
    """A request is refused before its end is read if its sender waits for word; the next one is read at once."""
    sender = connect(serve())
    sender.sendall((REFUSED_EARLY + request(b'{"n":1}')) * 3)

    assert [415, 200] * 3 == answers(sender, 6)


def test_more_behind_chunks(serve, connect):
    """What comes together with the end of a body in chunks is not read: the connection is closed after the answer."""
    served = serve()
    sender = connect(served)
    sender.sendall(CHUNKED + b'7\r\n{"n":1}\r\n0\r\n\r\n' + request(b'{"n":2}'))

    assert [200] == answers(sender, 2)
    assert [{"n": 1}] == served.records


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b'Content-Length: 7\r\nContent-Length: 7\r\n\r\n{"n":1}',
        b'Content-Length: 7\r\nContent-Length: 8\r\n\r\n{"n":1}',
        b'Content-Length: +7\r\n\r\n{"n":1}',
        b'Content-Length: 7, 7\r\n\r\n{"n":1}',
        b'Content-Length: 99999999999999999999\r\n\r\n{"n":1}',
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b'Transfer-Encoding: chunked\r\n\r\n7 \r\n{"n":1}\r\n0\r\n\r\n',
        b'Transfer-Encoding: chunked\r\n\r\n0x7\r\n{"n":1}\r\n0\r\n\r\n',
        b'Transfer-Encoding: chunked\r\n\r\n7\n{"n":1}\n0\n\n',
        b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"X: a\nContent-Length: 0\r\n\r\n",
        b"Host: localhost\r\nContent-Length: 0\r\n\r\n",
        b"Content-Length: \r\n\r\n",
        b'Content-Length: %s7\r\n\r\n{"n":1}' % (b"0" * 5000),
        b"Content-Length: 0\r\n\n",
        b"Transfer-Encoding: chunked\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_two_servers_may_read_differently(serve, connect, data):
    """A request of which another server may see another end is refused, and nothing of it is taken."""
    served = serve()
    sender = connect(served)
    sender.sendall(HEAD + data + request(b'{"n":9}'))

    assert [400] == answers(sender, 2)
    assert [] == served.records


@pytest.mark.parametrize(
    ("data", "status", "stays"),
    [
        (b"POST /in HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n", 400, False),
        (b"POST /in HTTP/1.2\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 400, False),
        (b"POST /in\r\n\r\n", 400, False),
        *((request(b'{"n":1}', HEAD.replace(b"POST /in HTTP/1.1", first)), 400, False) for first in _FIRST_LINES),
        (CHUNKED.replace(b"1.1", b"1.0") + b'7\r\n{"n":1}\r\n0\r\n\r\n', 400, False),
        (HEAD + b"Connection: close\r\n\r\n" + request(b'{"n":9}'), 400, False),
        (request(b'{"n":1}', HEAD + b"X: y\r\n" * 97), 200, True),
        (request(b'{"n":1}', HEAD + b"X: y\r\n" * 98), 400, False),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, False),
        (b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, False),
        (b"PUT /in HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, False),
        (request(b'{"n":1}', HEAD.replace(b"1.1", b"1.0").replace(b"Host: localhost\r\n", b"")), 200, False),
        (request(b'{"n":1}', HEAD + b"Connection: close\r\n"), 200, False),
        (request(b'{"n":1}', HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"), 200, True),
        (request(b'{"n":1}', HEAD.replace(b"/in", b"/in?timeout=30s")), 200, True),
        (request(b'{"n":1}', HEAD.replace(b"Content-Type", b"cONTENT-tYPE")), 200, True),
        (request(b'{"n":1}', HEAD + b"Expect: 100-continue\r\n"), 100, True),
    ],
)
def test_kinds_of_requests(serve, connect, data, status, stays):
    """What is not asked in the usual way is answered, and the connection stays if it can."""
    served = serve()
    sender = connect(served)
    sender.sendall(data)

    expected = [status, 200] if status == 100 else [status]
    assert expected == answers(sender, len(expected))
    sender.settimeout(0.05 if stays else PATIENCE)
    with pytest.raises(TimeoutError) if stays else contextlib.nullcontext():
        assert b"" == sender.recv(100)


def test_only_headers(serve, connect):
    """The answer to HEAD has no body."""
    sender = connect(serve())
    sender.sendall(b"HEAD /in HTTP/1.1\r\nHost: localhost\r\n\r\n")
    data = b""
    while more := sender.recv(1000):
        data += more

    assert data.startswith(b"HTTP/1.1 405 ")
    assert data.endswith(b"\r\n\r\n")


def test_headers_behind_chunks(serve, connect):
    """Headers behind a body, and words about a chunk, that never end are not kept: the connection is closed."""
    served = serve()
    for data in (b'7\r\n{"n":1}\r\n0\r\nX: ', b"7;x="):
        sender = connect(served)
        with contextlib.suppress(OSError):
            sender.sendall(CHUNKED + data)
            for _ in range(50):
                sender.sendall(b"x" * 10_000)
                time.sleep(0.002)
        assert [] == [status for status in answers(sender, 1) if status != 400]
    assert [] == served.records


def test_small_parts_of_a_body(serve, connect):
    """A body in thousands of small parts takes little more memory than one large part."""
    served = serve()
    for head, data in (
        (b"", b"2\r\n  \r\n" * 40_000 + b'7\r\n{"n":1}\r\n0\r\n\r\n'),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b"  ") * 4000 + gzip.compress(b'{"n":1}')),
    ):
        sender = connect(served)
        framing = b"Content-Length: %d\r\n\r\n" % len(data) if head else b"Transfer-Encoding: chunked\r\n\r\n"
        tracemalloc.start()
        sender.sendall(HEAD + head + framing + data)
        assert [200] == answers(sender, 1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 2_500_000
    assert [{"n": 1}] * 2 == served.records


@pytest.mark.parametrize("asked", [request(b'{"n":1}'), REFUSED_EARLY], ids=["taken", "refused early"])
def test_who_reads_no_answers(serve, connect, small, asked):
    """A sender that reads no answers has nothing more read from it, and keeps nobody else from being served."""
    served = serve(limits=replace(small, body=100))
    sender = connect(served)
    sender.setblocking(False)
    data, sent = asked * 1000, 0
    until = time.monotonic() + PATIENCE
    last = time.monotonic()
    tracemalloc.start()
    while time.monotonic() < min(until, last + 1.0):
        try:
            sent += sender.send(data[sent % len(data) :])
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 2_000_000
    assert time.monotonic() < until, "it reads without end"
    assert served.post(b'{"n":2}')[0] == 200


def test_answers_in_time_and_late(serve, connect, small):
    """An answer that comes when its sender was told to come again, or has gone, disturbs no later request."""
    served = serve(stores=False, limits=replace(small, store_time=0.1))
    sender, gone = connect(served), connect(served)
    gone.sendall(request(b'{"n":0}'))
    served.wait_for(1)
    gone.close()
    sender.sendall(request(b'{"n":1}'))
    assert [503] == answers(sender, 1)
    served.stores = True
    sender.sendall(request(b'{"n":2}'))

    assert [200] == answers(sender, 1)
    sender.settimeout(0.1)
    with pytest.raises(TimeoutError):
        sender.recv(100)


def test_idle_connections_end(serve, connect, hasty):
    """A connection on which nothing more comes is closed, also after a request was answered."""
    served = serve(limits=hasty)
    sender = connect(served)
    sender.sendall(request(b'{"n":1}'))
    assert [200] == answers(sender, 1)
    assert b"" == sender.recv(100)


def test_a_request_that_fails_here(serve, connect, told):
    """An error that nobody has foreseen closes the connection, is logged now and then, and disturbs nobody else."""

    def read(headers, body):
        return body if body != b"0" else b"%d" % (1 // int(body))

    served = serve(form=Form(read))
    for _ in range(12):
        sender = connect(served)
        sender.sendall(request(b"0"))
        assert b"" == sender.recv(100)

    assert served.post(b'{"n":1}')[0] == 200
    assert 2 == told.text.count("a request from 127.0.0.1 has failed, and its connection is closed: ZeroDivisionError")


def test_senders_that_leave(serve, connect, small):
    """Senders that leave at any moment leave no memory taken."""
    served = serve(limits=replace(small, held=400_000))
    body = b'{"n":1,"text":"%s"}' % (b"x" * 50_000)
    for number in range(100):
        sender = connect(served)
        data = request(body)
        sender.sendall(data[: len(data) * number // 99])
        sender.close()
    statuses = [served.post(b'{"n":"%s"}' % (b"y" * 90_000))[0] for _ in range(5)]

    assert [200] * 5 == statuses
