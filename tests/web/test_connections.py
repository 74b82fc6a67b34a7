"""Connections: whoever opens many, or dribbles, keeps nobody else from being served."""

from __future__ import annotations

import contextlib
import resource
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from falcohost.jsonlog.refusals import Refusals
from falcohost.testing.waiting import PATIENCE, wait_until
from falcohost.web import Form, WebLimits, connections
from falcohost.web.connections import Connections, peer_of

HTTPS = "https://127.0.0.1:{port}/in"
RECORD = b'{"n":1}'
MANY = 2100
#: Seconds that no test takes.
LONG = 3600.0


@pytest.fixture
def idle():
    """Return a function that opens idle connections from addresses of this machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 10_000), hard))
    held = []

    def connect(served, source, data=b""):
        one = socket.create_connection(("127.0.0.1", served.address.port), PATIENCE, (source, 0))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its port is free at once
        held.append(one)
        with contextlib.suppress(OSError):
            one.sendall(data)
        return one

    yield connect
    for one in held:
        one.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("addresses", [1, 7, MANY])
def test_idle_connections_shut_nobody_out(serve, idle, told, monkeypatch, addresses):
    """2,100 idle connections, from one address or from many, keep none of 40 senders from being answered."""
    monkeypatch.setattr(connections, "_SELDOM", LONG)
    served = serve(limits=WebLimits(header_time=LONG))  # on a busy machine, opening so many may take longer than that
    for number in range(MANY):
        place = 2 + number % addresses
        idle(served, f"127.0.{place >> 8}.{place & 255}")

    assert [200] * 40 == [served.post(RECORD)[0] for _ in range(40)]
    assert served.turned_away["connections closed to make room"] > 50
    assert told.text.count("to make room or because they took too long") == 1


def test_idle_connections_of_the_same_address(serve, idle):
    """They may come from the sender's own address."""
    served = serve(limits=WebLimits(), token=b"t")
    for _ in range(MANY):
        idle(served, "127.0.0.1")

    assert [200] * 40 == [served.post(RECORD, Authorization="Bearer t")[0] for _ in range(40)]


def test_idle_connections_before_the_handshake(serve, idle, certificates):
    """They may also wait in the middle of the TLS handshake."""
    served = serve(HTTPS, limits=WebLimits(), certificate=certificates.server)
    for _ in range(MANY):
        idle(served, "127.0.0.2", b"\x16\x03\x01\x02\x00")

    assert [200] * 40 == [served.post(RECORD, tls=certificates.context())[0] for _ in range(40)]


def test_who_has_shown_the_secret_stays(serve, idle, small):
    """A connection on which the token was shown is not closed for others, however many come."""
    served = serve(limits=replace(small, connections=64, peer_connections=64), token=b"t")
    kept = served.connect()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer t"}
    for _ in range(3):
        kept.request("POST", "/in", RECORD, headers)
        assert kept.getresponse().read()
        socket_of = kept.sock
        for _ in range(200):
            idle(served, "127.0.0.1")

    kept.request("POST", "/in", RECORD, headers)
    assert kept.getresponse().status == 200
    assert kept.sock is socket_of


def test_a_client_certificate_keeps_the_connection(serve, idle, small, certificates):
    """A connection with a client certificate stays even before its first request."""
    limits = replace(small, connections=64, peer_connections=64)
    served = serve(HTTPS, limits=limits, certificate=certificates.server, client_ca=certificates.ca)
    kept = served.connect(certificates.context(client=True, maximum_version=ssl.TLSVersion.TLSv1_2))
    kept.connect()
    time.sleep(0.3)  # the listener's side of the handshake has ended, too
    for _ in range(200):
        idle(served, "127.0.0.1")

    kept.request("POST", "/in", RECORD, {"Content-Type": "application/json"})
    assert kept.getresponse().status == 200


def test_connections_that_come_without_end(serve, idle):
    """Who opens connections all the time, as fast as possible, from the sender's address too, shuts nobody out."""
    served = serve(limits=WebLimits())
    stop = threading.Event()

    def flood(source):
        while not stop.is_set():
            with contextlib.suppress(OSError):
                idle(served, source, b"POST /in HTTP/1.1\r\nHost: localhost\r\n")
            time.sleep(0.0005)

    floods = [threading.Thread(target=flood, args=(f"127.0.0.{number}",)) for number in (1, 2)]
    for one in floods:
        one.start()
    try:
        wait_until(lambda: served.turned_away)
        statuses = [served.post(RECORD)[0] for _ in range(40)]
    finally:
        stop.set()
        for one in floods:
            one.join()

    assert [200] * 40 == statuses


def test_bodies_that_never_end(serve, idle, small):
    """Bodies that fill the memory and never end make room for one that does."""
    served = serve(limits=replace(small, held=400_000))
    head = b"POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 95000\r\n\r\n"
    for _ in range(10):
        idle(served, "127.0.0.2", head + b"x" * 90_000)

    assert [200] * 5 == [served.post(b'{"n":"' + b"x" * 90_000 + b'"}')[0] for _ in range(5)]
    assert served.turned_away["requests closed to make room for others"] >= 6


def test_handshakes_that_fail_are_counted(serve, idle, certificates, hasty):
    """Handshakes that are garbage or never end are counted, and their connections closed."""
    served = serve(HTTPS, limits=hasty, certificate=certificates.server)
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03"):
        idle(served, "127.0.0.2", data)

    wait_until(lambda: served.turned_away.get("failed TLS handshakes") == 3)
    assert served.post(RECORD, tls=certificates.context())[0] == 200


def test_who_never_reads_answers(serve, idle):
    """A connection whose answers nobody reads is closed when it has lasted longer than any request may."""
    time_now = [0.0]
    ended = []
    table = Connections("t", WebLimits(), Refusals(), reserves=False, clock=lambda: time_now[0])
    one = table.arrive("192.0.2.1", lambda: ended.append(1))
    time_now[0] = 45.0
    table.answered(one, good=False)
    time_now[0] = 90.0
    table.sweep()

    assert ended == []
    time_now[0] = 96.0
    table.sweep()
    assert ended == [1]
    assert len(table) == 0


def test_the_busiest_address_goes_first():
    """The oldest connection of the address that has the most is closed; one that was answered with success is young."""
    ended = Counter()
    refusals = Refusals()
    table = Connections("t", WebLimits(connections=4), refusals, reserves=False, clock=iter(range(1000)).__next__)

    def arrive(host, name):
        return table.arrive(host, lambda: ended.update([name]))

    arrive("192.0.2.1", "old")
    first, second = arrive("192.0.2.2", "first"), arrive("192.0.2.2", "second")
    arrive("192.0.2.2", "third")
    table.answered(first, good=True)
    arrive("192.0.2.3", "new")
    assert list(ended) == ["second"]
    table.leave(second)
    assert len(table) == 4
    arrive("192.0.2.3", "newer")
    assert list(ended) == ["second", "third"]
    assert refusals.turned_away == {"connections closed to make room": 2}


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1%eth0", "2001:db8::/64"),
        ("::1", "::1"),
        ("(local)", "(local)"),
    ],
)
def test_peers(host, peer):
    """IPv6 addresses of one network count as one sender."""
    assert peer == peer_of(host)


def test_pipelined_requests(serve, idle, small):
    """Thousands of requests on one connection keep nobody waiting; who may not send has to connect for each."""
    served = serve(limits=small, token=b"t")
    greedy = b"POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    for request in (greedy, b"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        one = idle(served, "127.0.0.2", request * 500)
        one.settimeout(PATIENCE)
        answers = b""
        with contextlib.suppress(ConnectionResetError):
            while data := one.recv(1 << 16):
                answers += data
        assert answers.count(b"HTTP/1.1 ") <= 1, answers[:200]

    assert served.post(RECORD, Authorization="Bearer t")[0] == 200


def test_no_file_is_left(serve, told):
    """While no file can be opened, senders wait, and the listener does not try without a pause."""
    served = serve()
    assert served.post(RECORD)[0] == 200
    waiting = [socket.socket() for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        for one in waiting:
            stack.enter_context(one)
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with socket.socket() as next_one:
            lowest = next_one.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        for one in waiting:
            one.connect(("127.0.0.1", served.address.port))
        wait_until(lambda: "no connection can be accepted: Too many open files" in told.text)
        before = time.process_time()
        time.sleep(0.6)
        taken = time.process_time() - before

    assert 1 == told.text.count("no connection can be accepted")
    assert taken < 0.3
    assert served.post(RECORD)[0] == 200


def test_who_leaves_before_the_handshake(serve, certificates, told):
    """Connections that are reset before they are accepted are counted, and fill no log."""
    begun, held = threading.Event(), threading.Event()

    def read(headers, body):
        begun.set()
        held.wait(PATIENCE)
        return body

    served = serve(HTTPS, certificate=certificates.server, form=Form(read))
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(served.post, RECORD, tls=certificates.context())
        assert begun.wait(PATIENCE)
        for data in (b"", b"x"):
            with socket.create_connection(("127.0.0.1", served.address.port)) as one:
                one.sendall(data)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        held.set()
        assert posted.result()[0] == 200

    wait_until(lambda: served.turned_away.get("failed TLS handshakes") == 2)
    assert "Traceback" not in told.text
