"""The listener over real sockets: what is taken, what is refused and how, and who has to wait for whom."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from falcohost.testing.waiting import PATIENCE, wait_until

RECORD = b'{"n":1}'


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (RECORD, [1]),
        (b'{"items":[{"n":1},{"n":2}]}', [1, 2]),
        (b'[{"n":1},{"n":2}]', [1, 2]),
        (b'{"n":1}\n{"n":2}\n', [1, 2]),
        (b'\xef\xbb\xbf {\n "n": 1\n}', [1]),
        (b'{"items":[]}', []),
        (b'{"n":"\xff"}', ["\ufffd"]),
        (b'{"n":1}\n{"n":\n{"n":2}', [1, 2]),
        (b'{"n":\n{"n":1}\n{"n":2}', [1, 2]),
        (b'{"n":"\xff"}\n{"n":\n{"n":2}', ["\ufffd", 2]),
        (b'[{"n":1},5,{"n":2}]', [1, 2]),
        (b'{"items":[{"n":1},"text",{"n":2}]}', [1, 2]),
        (b'{"items":[{"n":01},{"n":1},{"n":NaN},{"n":"' + b"x" * 70_000 + b'"},{"n":tru}]}', [1, None, "x" * 70_000]),
        (b'[{"n":1},{"n":' + b"[" * 12_000 + b"]" * 12_000 + b"}]", [1]),
        (b'{"n":NaN}', [None]),
    ],
)
def test_bodies(serve, body, records):
    """Single records, lists, arrays and lines are taken; what cannot be read among them takes nothing with it."""
    served = serve()

    assert served.post(body)[:2] == (200, "stored")
    assert records == [record["n"] for record in served.records]


@pytest.mark.parametrize(
    ("body", "headers", "status", "text"),
    [
        (b"", {}, 400, "the body is not JSON"),
        (b"{", {}, 400, "the body is not JSON"),
        (b"hello", {}, 400, "the body is not JSON"),
        (b"5", {}, 400, "the body is not JSON"),
        (b'{"n":01}', {}, 400, "the body is not JSON"),
        (b'{"items":[{"n":1},{"n"', {}, 400, "the body is not JSON"),
        (b"[" * 10_000, {}, 400, "the body is nested too deep"),
        (b'{"n":' + b"[" * 12_000 + b"]" * 12_000 + b"}", {}, 400, "the body is nested too deep"),
        (b"{\n" * 45_000, {}, 400, "the body is not JSON"),
        (RECORD, {"Content_Type": "text/plain"}, 415, "application/json"),
        (RECORD, {"Content_Type": "text/plain; application/json"}, 415, "application/json"),
        (RECORD, {"Content_Type": "text/plain, application/json"}, 415, "application/json"),
        (RECORD, {"Content_Type": "application/json-patch"}, 415, "application/json"),
        (RECORD, {"Content_Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
        (RECORD, {"Content_Encoding": "br"}, 415, "encoding 'br' is not supported"),
        (RECORD, {"Content_Encoding": "gzip"}, 400, "damaged gzip data"),
        (gzip.compress(RECORD, mtime=0)[:-3], {"Content_Encoding": "gzip"}, 400, "damaged gzip data"),
        (b" " * 100_001, {}, 413, "larger than 100000 bytes"),
        (gzip.compress(bytes(50_000_000)), {"Content_Encoding": "gzip"}, 413, "larger than 100000 bytes"),
        (RECORD, {"method": "GET"}, 405, "method not allowed"),
        (RECORD, {"method": "PUT"}, 405, "method not allowed"),
        (RECORD, {"path": "/in/"}, 404, "nothing is served here"),
        (RECORD, {"path": "/"}, 404, "nothing is served here"),
    ],
)
def test_refusals(serve, body, headers, status, text):
    """A request that cannot be accepted is answered with the reason, and the next request is served."""
    served = serve()

    answered, message, _ = served.post(body, **headers)

    assert (status, True) == (answered, text in message)
    assert served.post(RECORD)[0] == 200
    assert len(served.records) == 1


def test_a_refusal_does_not_wait_for_the_store(serve):
    """A body that is no JSON is refused while others before it wait until their alerts are stored."""
    served = serve(stores=False)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(served.post, RECORD)
        served.wait_for(1)

        assert 400 == served.post(b'{"n":01}')[0]
        assert not waiting.done()

        served.stores = True
        assert 200 == served.post(b'{"n":2}')[0] == waiting.result()[0]
    assert [1, 2] == [record["n"] for record in served.records]
    assert {"not JSON": 1} == served.dropped


def test_lost_bodies_are_counted(serve):
    """A body that will not come again is counted by its cause; one that shows no token is not an event."""
    served = serve(token=b"t")
    for body in (b"{", b"{", bytes(200_000)):
        served.post(body, Authorization="Bearer t")
    served.post(RECORD)

    assert served.dropped == {"not JSON": 2, "too large": 1}


def test_gzip(serve):
    """A packed body is unpacked, also if it is packed in two pieces."""
    served = serve()

    assert served.post(gzip.compress(b'{"n":1}\n') + gzip.compress(b'{"n":2}'), Content_Encoding="gzip")[0] == 200
    assert served.records == [{"n": 1}, {"n": 2}]


def test_chunks(serve):
    """A body without a length is counted as it comes: a small one is taken, an endless one is cut off."""
    served = serve()

    def endless():
        while True:
            yield b" " * 50_000

    assert served.post(iter([b'{"n"', b":1}"]))[0] == 200
    with pytest.raises((OSError, AssertionError)) as raised:
        assert served.post(endless())[0] != 413
    assert raised
    assert served.post(RECORD)[0] == 200


def test_a_sender_that_waits_for_our_word(serve):
    """With Expect: 100-continue a refusal comes before the body is sent."""
    served = serve()
    with socket.create_connection(("127.0.0.1", served.address.port)) as sender:
        sender.sendall(
            b"POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
        )
        assert sender.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_the_token(serve, told):
    """Without the right token nothing is taken, not even looked at; the token is in no message."""
    served = serve(token=b"s3cret")

    for authorization in ("", "Bearer s3cre", "Basic s3cret"):
        status, _, headers = served.post(b"{", Authorization=authorization)
        assert (401, "Bearer") == (status, headers["WWW-Authenticate"])
    assert served.post(RECORD, Authorization="Bearer s3cret")[0] == 200
    assert len(served.records) == 1
    assert told.text.count("did not have the right token") == 1
    assert "s3cret" not in told.text


def test_one_answer_for_equal_events(serve):
    """An event that is sent again has the same key, in whatever form it comes; another one has another."""
    served = serve()
    for body in (RECORD, b'{"items":[{"n":1}]}', b'[{"n":0},{"n":1}]'):
        served.post(body)

    keys = served.keys
    assert keys[0] == keys[1] == keys[3] != keys[2]


def test_no_answer_before_the_store(serve, small):
    """A request that is not acknowledged is answered with 503 and the time to retry, not with 200."""
    served = serve(stores=False, limits=replace(small, store_time=0.2))

    begun = time.monotonic()
    status, message, headers = served.post(RECORD)

    assert (503, True) == (status, "duplicates are ignored" in message)
    assert int(headers["Retry-After"]) > 0
    assert 0.2 < time.monotonic() - begun


def test_full(serve, small):
    """When too much waits, what comes is told at once to come again; when it is stored, all is well again."""
    served = serve(stores=False, limits=replace(small, held=400_000))
    body = b'{"n":"' + b"x" * 90_000 + b'"}'

    with ThreadPoolExecutor(8) as senders:
        waiting = [senders.submit(served.post, body) for _ in range(4)]
        served.wait_for(4)
        status, message, headers = served.post(body)
        assert (503, "too many requests are waiting to be stored; send it again later") == (status, message)
        assert "Retry-After" in headers
        served.stores = True
        assert served.post(RECORD)[0] == 200
        assert [200] * 4 == [future.result()[0] for future in waiting]


def test_closing_answers_those_who_wait(serve):
    """A sender that waits while the listener is closed is told to come again."""
    served = serve(stores=False)
    with ThreadPoolExecutor(1) as sender:
        waiting = sender.submit(served.post, RECORD)
        served.wait_for(1)
        served.close()
        assert waiting.result(PATIENCE)[0] == 503


def test_slow_senders_hold_up_nobody(serve, hasty):
    """Senders that dribble headers or a body hold up nobody, and are cut off after a while in all."""
    served = serve(limits=hasty)
    slow = []
    for number in range(200):
        sender = socket.create_connection(("127.0.0.1", served.address.port))
        body = b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{" if number % 2 else b""
        sender.sendall(b"POST /in HTTP/1.1\r\nHost: localhost\r\n" + body)
        slow.append(sender)

    for _ in range(20):
        assert served.post(RECORD)[0] == 200

    def is_cut_off(sender):
        try:
            sender.sendall(b"a")
            return not sender.recv(100)
        except TimeoutError:
            return False
        except OSError:
            return True

    for sender in slow[:2]:
        sender.settimeout(0.05)
        wait_until(partial(is_cut_off, sender))
    for sender in slow:
        sender.close()


def test_large_headers(serve):
    """Headers beyond the limit are not collected."""
    served = serve()
    with socket.create_connection(("127.0.0.1", served.address.port)) as sender:
        sender.sendall(b"POST /in HTTP/1.1\r\nX: " + b"x" * 100_000)
        sender.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert sender.recv(100) == b""
    assert served.post(RECORD)[0] == 200


def test_a_thousand_senders_at_once(serve, small):
    """1,000 connections that are open together are each answered."""
    served = serve(limits=replace(small, connections=1100))
    request = b"POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"
    senders = [socket.create_connection(("127.0.0.1", served.address.port)) for _ in range(1000)]
    for sender in senders:
        sender.sendall(request)
    for sender in senders:
        sender.sendall(RECORD)
    answers = []
    for sender in senders:
        sender.settimeout(PATIENCE)
        answers.append(sender.recv(4096)[:12])
        sender.close()

    assert {b"HTTP/1.1 200"} == set(answers)
    assert len(served.records) == 1000


def test_more_connections_than_there_may_be(serve, small):
    """The oldest connection is closed for one too many, and the new one is served."""
    served = serve(limits=replace(small, connections=3))
    held = [socket.create_connection(("127.0.0.1", served.address.port)) for _ in range(3)]

    assert served.post(RECORD)[0] == 200
    held[0].settimeout(PATIENCE)
    assert held[0].recv(10) == b""
    for one in held[1:]:
        one.settimeout(0.05)
        with pytest.raises(TimeoutError):
            one.recv(10)
    for one in held:
        one.close()


def test_connections_are_kept(serve):
    """Several requests go over one connection, also after a refusal."""
    served = serve()
    connection = served.connect()
    statuses = []
    for body in (RECORD, b"{", RECORD):
        connection.request("POST", "/in", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        statuses.append((answer.status, json.loads(answer.read())["message"]))
    connection.close()

    assert [200, 400, 200] == [status for status, _ in statuses]


def test_hostile_bytes(serve):
    """No request causes a traceback, and the next request is served."""
    served = serve()
    for data in (b"\0" * 100, b"GET\r\n\r\n", b"POST /in HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"\x16\x03\x01\x02"):
        with socket.create_connection(("127.0.0.1", served.address.port)) as sender:
            sender.sendall(data)
    with socket.create_connection(("127.0.0.1", served.address.port)) as sender:
        sender.sendall(
            b"POST /in HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        )
        assert b" 400 " in sender.recv(1000)

    assert served.post(RECORD)[0] == 200


def test_memory_is_given_back(serve, small):
    """Bodies that end too early, are too large or cannot be unpacked leave no room taken."""
    served = serve(limits=replace(small, held=400_000))
    bomb = zlib.compress(bytes(10_000_000), wbits=31)
    for _ in range(12):
        served.post(bomb, Content_Encoding="gzip")
        served.post(b'"' + b"x" * 90_000)
        with socket.create_connection(("127.0.0.1", served.address.port)) as sender:
            head = b"POST /in HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 95000\r\n\r\n"
            sender.sendall(head + b"x" * 90_000)
    wait_until(lambda: 200 == served.post(b'{"n":"' + b"x" * 40_000 + b'"}')[0])
    status = [served.post(b'{"n":"' + b"x" * 90_000 + b'"}')[0] for _ in range(5)]

    assert [200] * 5 == status


def test_parallel_senders_get_their_own_answers(serve):
    """Many senders, each with a connection and its own records: all records come, once each."""
    served = serve()

    def send(sender):
        for number in range(20):
            assert served.post(json.dumps({"n": sender * 100 + number}).encode())[0] == 200

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(record["n"] for record in served.records) == [s * 100 + n for s in range(10) for n in range(20)]
