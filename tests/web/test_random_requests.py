"""What is sent at random, damaged and in pieces, is read as RFC 9112 has it, or refused."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from falcohost.testing.waiting import PATIENCE
from falcohost.web import Form

sys.path.insert(0, str(Path(__file__).parent))

from random_requests import Request, cuts, read, stream


@pytest.fixture(params=["http", "https"])
def heard(request, serve, certificates):
    """Return a function that connects to a listener, and the list of the bodies that this has taken."""
    bodies = []

    def take(headers, body):
        bodies.append(body)
        return b"{}"

    secure = request.param == "https"
    more = {"certificate": certificates.server} if secure else {}
    served = serve(request.param + "://127.0.0.1:{port}/in", form=Form(take), **more)
    context = certificates.context() if secure else None

    def connect():
        one = socket.create_connection(("127.0.0.1", served.address.port), PATIENCE)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one if context is None else context.wrap_socket(one, server_hostname="localhost")

    return connect, bodies


def answers(sender, methods):
    """Return the status of the next answers to requests with *methods*, or of those before the connection is closed."""
    data, found = b"", []
    while len(found) < len(methods):
        head, end, rest = data.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
        if methods[len(found)] == b"HEAD":
            length = 0
        if end and len(rest) >= length:
            data = rest[length:]
            if head[9:12] != b"100":
                found.append(int(head[9:12]))
            continue
        try:
            more = sender.recv(1 << 16)
        except (ConnectionError, OSError) as error:
            assert not isinstance(error, TimeoutError), (data, found)
            break
        if not more:
            break
        data += more
    return found


def follow(bodies, requests):
    """Return whether *bodies* are those of some of *requests*, in order."""
    rest = iter(requests)
    return all(any(body == request.body for request in rest) for body in bodies)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, (1 << 64) - 1))
def test_requests_at_random(heard, told, seed):
    """Only what the RFC has for a body is taken for one, and each request is answered, or its connection closed."""
    random = Random(seed)
    connect, bodies = heard
    bodies.clear()
    data = stream(random)
    requests, end = read(data)
    note(f"{data!r} {requests} {end}")
    with contextlib.closing(connect()) as sender:
        with contextlib.suppress(OSError):
            for piece in cuts(random, data):
                sender.sendall(piece)
        found = answers(sender, [request.method for request in requests])
        if end == "wrong" and len(found) == len(requests):
            with contextlib.suppress(OSError):
                sender.shutdown(socket.SHUT_WR)
            found += answers(sender, [b"POST"])

    assert follow(bodies, requests)
    assert found.count(200) <= len(bodies)  # an answer may be lost when the connection is closed behind it
    if found == [200] * len(requests):
        assert [request.body for request in requests] == bodies
    assert not [one for one in told.records if one.name == "asyncio" or "has failed" in one.getMessage()]


@pytest.mark.parametrize(
    ("data", "requests", "end"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\nGET /", [(b"POST", b"/", b"x")], "part"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxGET /\r\n\r\n", [(b"POST", b"/", b"x")], "wrong"),
        (b"PUT / HTTP/1.0\r\n\r\nPUT / HTTP/1.0\r\n\r\n", [(b"PUT", b"/", b"")], "whole"),
        (
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n2\r\nbc\r\n0\r\nA: b\r\n\r\n",
            [(b"PUT", b"/", b"abc")],
            "whole",
        ),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", [], "wrong"),
    ],
)
def test_the_plain_reader(data, requests, end):
    """The reader that others are compared with finds requests and where they end."""
    assert (requests, end) == ([tuple(one) for one in read(data)[0]], read(data)[1])


def test_half_of_the_requests_are_good():
    """Of what is made at random much is taken and much is refused."""
    ends = [read(stream(Random(seed)))[1] for seed in range(500)]

    assert 50 < ends.count("whole") < 450
    assert Request(b"POST", b"/in", b'{"n":0}') in [one for seed in range(20) for one in read(stream(Random(seed)))[0]]
