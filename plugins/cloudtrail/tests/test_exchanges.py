"""Requests over several connections that one thread drives: what servers may do, and what is taken for an answer."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import threading
import time

import pytest

from falcohost.aws import connection, exchanges
from falcohost.aws.connection import Answer, Server
from falcohost.aws.exchanges import Exchanges
from falcohost.testing.waiting import wait_until

MOST = 1000


def answer(data=b"content", head="HTTP/1.1 200 OK", **headers):
    """Return an answer as a server sends it."""
    lines = {"Content-Length": len(data), **headers}
    return "\r\n".join([head, *(f"{n.replace('_', '-')}: {v}" for n, v in lines.items()), "", ""]).encode() + data


@pytest.fixture
def made(close_later):
    """Return a function that makes exchanges."""
    return lambda most=4, context=None: close_later(Exchanges(context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), most))


def at(server):
    """Return where a server is."""
    return Server("127.0.0.1", server.port, False)


def asked(by, where, count=1):
    """Return the answers to some requests, each of which is None if there is none, in the order in which they come."""
    found = []
    for number in range(count):
        by.ask(where, lambda number=number: f"GET /{number} HTTP/1.1\r\n\r\n".encode(), MOST, found.append)
    wait_until(lambda: by.drive(0.05) or len(found) == count)
    return found


def data(found):
    """Return the bytes of the answers."""
    return [None if one is None else one.data for one in found]


@pytest.mark.parametrize("head", ["HTTP/1.1 206 Partial Content", "HTTP/1.0 200 OK", "HTTP/1.1 200"])
def test_answers(made, scripted, head):
    """An answer has a status, headers and bytes."""
    found = asked(made(), at(scripted(answer(b"x" * MOST, head, ETag=" e "))))

    assert [Answer(int(head.split()[1]), {"content-length": str(MOST), "etag": "e"}, b"x" * MOST)] == found


def test_nothing(made, scripted):
    """An answer may have no bytes."""
    assert [b""] == data(asked(made(), at(scripted(answer(b"")))))


def test_over_one_connection(made, scripted):
    """Requests follow each other over a connection."""
    server = scripted(answer(b"a"), answer(b"b"), answer(b"c"))
    by = made(most=1)

    assert [b"a", b"b", b"c"] == data(asked(by, at(server), 3))
    assert 3 == len(server.asked)


def test_byte_by_byte(made, scripted, monkeypatch):
    """An answer may come in any pieces."""
    monkeypatch.setattr(exchanges, "BUFFER", 1)

    assert [b"content"] == data(asked(made(), at(scripted(answer()))))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nconten",
        answer() + b"more",
        answer(b"x" * (MOST + 1)),
        answer(Content_Length=10**12),
        answer(Content_Length="9" * 5000),
        answer(Content_Length=-1),
        answer(Content_Length="+7"),
        answer(Content_Length="7, 7"),
        answer(Content_Length="\u00b2"),
        answer(content_length=3),
        b"HTTP/1.1 200 OK\r\n\r\ncontent",
        answer(Transfer_Encoding="chunked"),
        answer(head="HTTP/2 200"),
        answer(head="HTTP/1.1"),
        answer(head="HTTP/1.1 OK"),
        answer(head="220 smtp.test ESMTP"),
        b"x" * (100 << 10),
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),
    ],
)
def test_no_answers(made, scripted, sent):
    """What is no plain answer with its length, or longer than it may be, is none."""
    assert [None] == asked(made(), at(scripted(sent, keeps=sent != b"" and not sent.endswith(b"conten"))))


def test_nobody_there(made, scripted):
    """Where nobody listens there is no answer."""
    server = scripted()
    server.close()

    assert [None] * 5 == asked(made(), at(server), 5)


def test_closed_meanwhile(made, scripted):
    """A connection that the server has closed after an answer is made again."""
    server = scripted(answer(b"a"))
    by = made(most=1)

    assert [b"a"] == data(asked(by, at(server)))
    time.sleep(0.1)
    assert [b"a"] * 5 == data(asked(by, at(server), 5))


def test_closed_when_asked(made, scripted, monkeypatch):
    """So is one that is closed at the next request; a server that never answers has no third one."""
    monkeypatch.setattr(connection.Connection, "is_ready", lambda *given: True)
    server = scripted(answer(b"a"), b"")
    by = made(most=1)

    assert [b"a"] == data(asked(by, at(server)))
    assert [b"a"] == data(asked(by, at(server)))
    assert 3 == len(server.asked)
    assert [None] == asked(by, at(scripted(b"")))


@pytest.mark.parametrize("headers", [{"Connection": "close"}, {"Connection": "Close"}])
def test_last_answer(made, scripted, headers):
    """A connection that the server says it will close is not used again."""
    server = scripted(answer(**headers), answer(b"no"))

    assert [b"content"] * 3 == data(asked(made(most=1), at(server), 3))


def test_what_nobody_asked_for(made, scripted):
    """What is sent after an answer is not taken for the next one."""
    server = scripted(answer(b"a"), keeps=True)
    by = made(most=1)
    assert [b"a"] == data(asked(by, at(server)))
    server._kept[0].sendall(answer(b"evil"))
    time.sleep(0.1)

    assert [b"a"] == data(asked(by, at(server)))


@pytest.mark.parametrize("sent", [b"", b"H", answer()[:-1]])
def test_silence(made, scripted, monkeypatch, sent):
    """Who does not answer in time does not answer."""
    monkeypatch.setattr(exchanges, "ANSWERING", 0.2)
    server = scripted(sent, keeps=True) if sent else scripted(keeps=True)

    assert [None] == asked(made(), at(server))


def test_fast_drip(made, scripted, monkeypatch):
    """Nor does who sends a byte so often that one is there whenever somebody waits."""
    monkeypatch.setattr(exchanges, "ANSWERING", 0.5)
    server = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n", keeps=True)
    found = []
    by = made()
    by.ask(at(server), lambda: b"GET / HTTP/1.1\r\n\r\n", 1 << 20, found.append)
    wait_until(lambda: by.drive(0.01) or server._kept)
    begun = time.monotonic()
    while not found and time.monotonic() - begun < 10:
        with contextlib.suppress(OSError):
            server._kept[0].sendall(b"x")
        by.drive(5)

    assert [None] == found


def test_slow_drip(made, scripted, monkeypatch):
    """Nor does who sends a byte now and then."""
    monkeypatch.setattr(exchanges, "ANSWERING", 0.5)
    server = scripted(answer()[:-6], keeps=True)
    found = []
    by = made()
    by.ask(at(server), lambda: b"GET / HTTP/1.1\r\n\r\n", MOST, found.append)
    wait_until(lambda: by.drive(0.01) or server._kept)
    begun = time.monotonic()
    while not found and time.monotonic() - begun < 10:
        if 5 * (time.monotonic() - begun) > len(server.asked) - 1 < 5:
            server.asked.append(b"")
            server._kept[0].sendall(b"x")
        by.drive(0.01)

    assert [None] == found


@pytest.mark.parametrize("most", [1, 3, 8])
def test_most(made, scripted, most):
    """There are no more connections than there may be, to all servers together."""
    by = made(most)
    servers = [scripted(*[answer()] * 100, keeps=True) for _ in range(5)]
    found = []
    for number in range(100):
        by.ask(at(servers[number % 5]), lambda: b"GET / HTTP/1.1\r\n\r\n", MOST, found.append)
    counts = []
    begun = time.monotonic()
    while len(found) < 100:
        by.drive(0.05)
        counts.append(sum(one.count for one in by._lines.values()))
        time.sleep(0.06)  # as somebody who does not wait most of the time
        assert time.monotonic() - begun < 60

    assert [b"content"] * 100 == data(found)
    assert max(counts) <= most


def test_more_where_it_waits(made, scripted):
    """There are as many connections as it takes for somebody who mostly waits; few for somebody who does not."""
    counts = {}
    for seconds in (0.0, 0.15):
        by = made(most=16)
        server = scripted(*[answer()] * 100, keeps=True, delay=0.05)
        found = []
        for _ in range(40):
            by.ask(at(server), lambda: b"GET / HTTP/1.1\r\n\r\n", MOST, found.append)
        while len(found) < 40:
            by.drive(0.05 if seconds == 0.0 else 0.0)
            time.sleep(seconds)
        counts[seconds] = by._lines[at(server)].count

    assert counts[0.15] <= exchanges.FIRST < counts[0.0] <= 16


def test_request_that_cannot_be_made(made, scripted):
    """A request that cannot be made has no answer, and does not stop others."""
    server = scripted(answer(), answer())
    by = made(most=1)
    found = []
    by.ask(at(server), lambda: 1 // 0, MOST, found.append)

    assert [b"content"] == data(asked(by, at(server)))
    assert [None] == found


def test_closing(made, scripted):
    """After its end nothing is taken, and no thread is left."""
    by, found = made(), []
    by.ask(at(scripted(keeps=True)), lambda: b"GET / HTTP/1.1\r\n\r\n", MOST, found.append)
    by.close()
    by.drive(0.05)
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "aws-connect"])

    assert [] == found


@pytest.fixture
def keys(tmp_path):
    """Return the paths of a key and of a certificate."""
    made = [tmp_path / "key.pem", tmp_path / "cert.pem"]
    how = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", made[0], "-out", made[1]]
    subprocess.run([*how, *names], check=True, capture_output=True)
    return made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("more", "expected"), [(b"", [b"x" * 900] * 3), (b"evil", [b"x" * 900])])
def test_tls(made, scripted, keys, version, more, expected):
    """Answers come over TLS; what follows one is not taken for the next one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys[1], keys[0])
    context.maximum_version = version
    server = scripted(*[answer(b"x" * 900) + more] * 3, context=context)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.load_verify_locations(keys[1])
    found = asked(made(most=1, context=ours), Server("localhost", server.port, True), len(expected))

    assert (expected if not more else [None]) == data(found)


def test_by_a_proxy(made, scripted, keys):
    """A proxy is asked for a connection to the server, with its own headers; one that refuses is left."""
    proxy = scripted(b"HTTP/1.1 407 No\r\n\r\n", keeps=True)
    where = Server("s3.test", 443, True, ("127.0.0.1", proxy.port), "Proxy-Authorization: Basic eDp5\r\n")

    assert [None] == asked(made(), where)
    expected = b"CONNECT s3.test:443 HTTP/1.1\r\nHost: s3.test:443\r\nProxy-Authorization: Basic eDp5\r\n\r\n"
    assert [expected] == proxy.asked[:1]
