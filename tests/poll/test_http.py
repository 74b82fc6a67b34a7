"""Asking a server: what it answers, how much of it, for how long, and what is said where there is no answer."""

import contextlib
import gzip
import os
import re
import socket
import ssl
import subprocess
import threading
from dataclasses import replace

import pytest

from falcohost.errors import SourceError
from falcohost.installing import how_to_install
from falcohost.poll import HttpClient, HttpError, HttpLimits, PollError, Unreadable
from falcohost.testing.server import Reply
from falcohost.testing.waiting import PATIENCE

#: A size that a test reaches quickly, and times that it does not reach.
SMALL = HttpLimits(body=100_000, connect_time=PATIENCE, pause=PATIENCE, body_time=PATIENCE)

#: Times that a test reaches; the server has to be one that would never answer.
HASTY = HttpLimits(pause=0.1, body_time=0.2)

JSON_TYPE = b"Content-Type: application/json\r\n"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Take proxies out of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def opened(**options):
    """Return a client."""
    client = HttpClient("tester", limits=options.pop("limits", SMALL), **options)
    client.open()
    return client


def failure(url, kind=PollError, **options):
    """Return how asking *url* fails, with a secret that must not be shown."""
    with pytest.raises(kind) as caught:
        opened(**options).get(url, {"Authorization": "Bearer s3cret"})
    assert "s3cret" not in str(caught.value)
    return caught.value


def test_answer(serve):
    """Headers are sent, and status, headers and body come back; connections are used again."""
    server = serve(lambda request: Reply(body=b'{"a":1}', headers={"X-Left": "7"}))
    client = opened()

    answers = [client.get(f"{server.url}/x?y=1", {"Authorization": "k"}) for _ in range(2)]
    client.post(f"{server.url}/z", {}, b"q=2")

    assert [(200, "7", b'{"a":1}')] * 2 == [(one.status, one.headers["x-left"], one.body) for one in answers]
    assert [("GET", "/x", "k", b""), ("POST", "/z", None, b"q=2")] == [
        (one.method, one.path, one.headers.get("authorization"), one.body) for one in server.requests[1:]
    ]
    assert 1 == server.connections


def test_packed_answer(serve):
    """An answer may be packed."""
    server = serve(lambda request: Reply(body=gzip.compress(b"[1]"), headers={"Content-Encoding": "gzip"}))

    assert b"[1]" == opened().get(server.url, {}).body


@pytest.mark.parametrize(
    ("cause", "reply"),
    [
        ("too large", Reply(body=b"[" + b" " * 200_000 + b"]")),
        ("too large", Reply(body=gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})),
        ("damaged gzip data", Reply(body=gzip.compress(b"[1]" * 100)[:-9])),
        ("not declared as JSON", Reply(body=b"<html>", headers={"Content-Type": "text/html"})),
        ("not declared as JSON", Reply(headers={"Content-Type": "application/jsonp"})),
    ],
)
def test_unreadable_answers(serve, cause, reply):
    """An unreadable answer says why, and keeps its headers, so that reading can continue after it."""
    reply.headers["Link"] = '<https://a/b>; rel="next"'
    server = serve(lambda request: reply)

    error = failure(server.url, Unreadable)

    assert (cause, "https://a/b") == (error.cause, error.answer.link("next"))
    assert f"the answer of 127.0.0.1 cannot be read: {cause}" == str(error)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/problem+json", "Application/JSON"])
def test_kinds_of_json(serve, kind):
    """JSON has more than one name."""
    assert b"[]" == opened().get(serve(lambda request: Reply(headers={"Content-Type": kind})).url, {}).body


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("127.0.0.1 answers 401 Unauthorized: the secret is not valid, or no longer", Reply(401)),
        ("127.0.0.1 answers 500 Internal Server Error: the server has a problem", Reply(500, b"x" * 500_000)),
        ("127.0.0.1 answers 418 I'm a Teapot: short and stout", Reply(418)),
        ("127.0.0.1 answers 799: the server has a problem", Reply(799)),
        (
            "127.0.0.1 answers 302 Found: it redirects to another address, and redirects are not followed; "
            "set the final address",
            Reply(302, headers={"Location": "http://127.0.0.1:1/"}),
        ),
    ],
)
def test_refusals(serve, said, reply):
    """A server that refuses is quoted with its status, and what is known about it."""
    explain = {418: "short and stout"}
    server = serve(lambda request: reply)

    error = failure(server.url, HttpError, explain=lambda answer: explain.get(answer.status))

    assert said == str(error)
    assert 1 == len(server.requests)


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        (7.0, {"Retry-After": "7"}),
        (9.0, {"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}),
        (0.0, {"Retry-After": "Wed, 31 Dec 2025 00:00:00 GMT"}),
        (None, {"Retry-After": "-5"}),
        (None, {"Retry-After": "soon"}),
        (None, {}),
    ],
)
def test_retry_after(serve, seconds, headers):
    """The pause that the server asks for is understood, by its own clock."""
    headers = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", **headers}

    assert seconds == failure(serve(lambda request: Reply(429, headers=headers)).url).retry_after


def test_time_of_a_header(serve):
    """A time since the epoch is understood by the server's clock; nonsense is none."""
    headers = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", "X-Reset": "1767225630", "X-Bad": "²", "X-Past": "5"}
    answer = opened().get(serve(lambda request: Reply(headers=headers)).url, {})

    assert [30.0, None, 0.0, None] == [answer.seconds_until(f"x-{name}") for name in ("reset", "bad", "past", "none")]


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://a/b?c=d,e;f", '<https://a/b?c=d,e;f>; rel="next"'),
        ("https://a/2", '<https://a/1>; rel="self", <https://a/2>; title="x, y"; rel=next'),
        ("https://a/3", '<https://a/3>; rel="prev NEXT"'),
        (None, '<https://a/1>; rel="self"'),
        (None, "nonsense <>;;rel"),
        (None, ""),
    ],
)
def test_links(serve, address, link):
    """The address of the next page stands in a header."""
    assert address == opened().get(serve(lambda request: Reply(headers={"Link": link})).url, {}).link("next")


@pytest.mark.parametrize("cut", [0, 3])
def test_cut_off(serve, cut):
    """An answer that is shorter than it says is none."""
    error = failure(serve(lambda request: Reply(body=b"[1,2,3]", cut=cut)).url)

    assert "the connection to 127.0.0.1 was lost" == str(error)


def test_silence(serve):
    """A server that says nothing for long, or closes, is told of."""
    never = threading.Event()
    slow = serve(lambda request: Reply(gate=never))
    mute = serve(lambda request: None)

    assert "127.0.0.1 does not answer in time" == str(failure(slow.url, limits=HASTY))
    never.set()
    assert "the connection to 127.0.0.1 was lost" == str(failure(mute.url))


def test_dripping():
    """A server that sends its answer byte by byte, and is never silent for long, has no more time than any other."""
    left = []

    def drip(server):
        with server.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + JSON_TYPE + b"Content-Length: 90000\r\n\r\n")
            try:
                for _ in range(500):
                    connection.sendall(b" ")
                    over.wait(0.01)  # which nobody sets
            except OSError as error:
                left.append(error)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        limits = replace(SMALL, body_time=0.1)
        error = failure(f"http://127.0.0.1:{server.getsockname()[1]}/", limits=limits)
        thread.join()

    assert "127.0.0.1 does not answer in time" == str(error)
    assert 1 == len(left)  # it was left while it still sent


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\nA: " + b"b" * 60_000 + b"\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"A: " + b"b" * 60_000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n" + JSON_TYPE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 1000),
    ],
    ids=["continue", "large-continue", "headers", "trailers"],
)
@pytest.mark.parametrize("proxied", [False, True])
def test_headers_without_end(monkeypatch, begin, part, proxied):
    """What comes before an answer's body, and behind it, is bounded like the body, also what a proxy says."""
    ended = threading.Event()

    def answer(server):
        with server.accept()[0] as connection:
            connection.recv(65536)
            with contextlib.suppress(OSError):
                connection.sendall(begin)
                for _ in range(40_000_000 // len(part)):
                    connection.sendall(part)
                return
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        if proxied:
            monkeypatch.setenv("https_proxy", url)
        failure("https://nobody.invalid/" if proxied else url)
        thread.join()

    assert ended.is_set()  # it was left while it still sent


def test_headers_that_drip():
    """A header that comes byte by byte has an end, too."""
    over = threading.Event()
    left = []

    def drip(server):
        with server.accept()[0] as connection:
            connection.recv(65536)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nA: ")
                for _ in range(1000):
                    connection.sendall(b"b")
                    over.wait(0.01)  # which nobody sets
            except OSError as error:
                left.append(error)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        limits = replace(SMALL, pause=0.1, body_time=0.1)
        error = failure(f"http://127.0.0.1:{server.getsockname()[1]}/", limits=limits)
        thread.join()

    assert "127.0.0.1 does not answer in time" == str(error)
    assert 1 == len(left)


def test_nobody_there():
    """A port that nobody listens on, a name that nobody has, and an address that is none are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert "127.0.0.1 cannot be reached: Connection refused" == str(failure(f"http://127.0.0.1:{port}/"))
    assert "the name nobody.invalid is unknown; check its spelling and the DNS server" == str(
        failure("http://nobody.invalid/")
    )
    assert "the address of a b cannot be used" in str(failure("http://a b:x/"))


def test_proxy(serve, monkeypatch):
    """The environment's proxy is asked, with its login, which is not shown; and not for what it leaves out."""
    proxy = serve(lambda request: Reply(407) if "/deny" in request.path else Reply())
    monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://me:pass@"))

    opened().get("http://nobody.invalid/x", {})
    denied = failure("http://nobody.invalid/deny")

    assert "Basic bWU6cGFzcw==" == proxy.requests[0].headers["proxy-authorization"]
    assert "nobody.invalid answers 407" in str(denied)
    monkeypatch.setenv("no_proxy", "nobody.invalid")
    assert "unknown" in str(failure("http://nobody.invalid/"))
    monkeypatch.setenv("http_proxy", "socks5://me:pass@127.0.0.1:1")
    monkeypatch.delenv("no_proxy")
    assert "the proxy in the environment has to be http:// or https://, not socks5://" == str(
        failure("http://nobody.invalid/")
    )


def test_tls(serve, tmp_path):
    """A certificate of an authority that is not trusted is refused; one of a file that is named is taken."""
    made = tmp_path / "made.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "2"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made, tmp_path / "key.pem")
    server = serve(lambda request: Reply(), tls)

    assert b"[]" == opened(ca=made).get(server.url, {}).body
    assert "the certificate of 127.0.0.1 is not valid: self-signed certificate" in str(failure(server.url))


def test_missing_certificates(tmp_path):
    """A file with authorities that is not there, or is none, is told at once."""
    (tmp_path / "empty").write_text("")

    with pytest.raises(SourceError, match="cannot be read: No such file"):
        opened(ca=tmp_path / "none")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceError, match="cannot be read: It is a FIFO, not a regular file"):
        opened(ca=tmp_path / "fifo")
    with pytest.raises(SourceError, match="cannot be read: there are none in it"):
        opened(ca=tmp_path / "empty")


def test_missing_package(monkeypatch):
    """Where urllib3 is not installed, what installs it is said."""
    monkeypatch.setitem(__import__("sys").modules, "urllib3", None)

    with pytest.raises(SourceError, match=re.escape(f"need urllib3; install it with {how_to_install('tester')}")):
        opened()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00\xff" * 5000,
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n[]",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + JSON_TYPE + b"Content-Length: 9\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + JSON_TYPE + b"Content-Length: -1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + JSON_TYPE + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + JSON_TYPE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
        b"HTTP/1.1 200 OK\r\n" + JSON_TYPE + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08",
    ],
    ids=range(10),
)
def test_what_is_no_http(sent):
    """An answer that is not valid HTTP is a failure like any other."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        failure(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("https://api.github.com", {}, ["api.github.com:443"]),
        ("http://127.0.0.1:8080/path", {}, ["127.0.0.1:8080"]),
        ("https://[::1]/", {}, ["::1:443"]),
        ("https://a.example", {"https_proxy": "http://user:word@proxy:3128"}, ["a.example:443", "proxy:3128"]),
        ("https://a.example", {"https_proxy": "proxy:3128"}, ["a.example:443", "proxy:3128"]),
        ("https://a.example", {"https_proxy": "http://proxy:no-port"}, ["a.example:443"]),
    ],
)
def test_what_it_connects_to(monkeypatch, url, environment, expected):
    """The addresses are those of the server, and of the proxies in the environment."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert expected == list(HttpClient.connects(url))
