"""The output ``http`` does not wait without end, however slowly a receiver takes a request and answers it."""

import contextlib
import socket
import ssl
import threading
import time

import pytest

from falcohost import OutputError, http_bounds
from falcohost.outputs import http
from falcohost.outputs.http import make_output
from falcohost.testing.certificates import self_signed
from falcohost.testing.outputs import alert

BLOCK = {
    "batch": 0, "concurrency": 1, "headers": {}, "user_agent": "", "secret": "", "secret_file": "", "ca_cert": "",
    "ca_bundle": "", "ca_path": "", "client_cert": "", "client_key": "", "insecure": False, "mtls": False,
    "echo": False, "compress_uploads": False, "keep_alive": True,
}  # fmt: skip

#: Seconds that a request may take, and seconds for which a receiver here goes on if nobody ends the connection.
WHOLE, LASTS = 1.0, 20.0
#: Characters of an alert that no buffer of a socket holds.
LARGE = 8 << 20

OK = b"HTTP/1.1 200 OK\r\n"


class Form:
    """An alert's line is its output, repeated *times*."""

    json = False

    def __init__(self, times=1):
        self.times = times

    def line(self, one):
        """Return the line."""
        return one.output.encode() * self.times


def parts(begin, part, pause=0.02):
    """Return a receiver that answers *begin*, and then *part* again and again."""

    def answer(link):
        link.recv(65536)
        link.sendall(begin)
        end = time.monotonic() + LASTS
        while time.monotonic() < end:
            link.sendall(part)
            time.sleep(pause)

    return answer


def slowly(link):
    """Take a request a few bytes at a time."""
    end = time.monotonic() + LASTS
    while time.monotonic() < end and link.recv(1024):
        time.sleep(0.02)


@contextlib.contextmanager
def receiver(answer, certificate=None):
    """Run a receiver that does *answer* with each connection; give its URL."""

    def take(link):
        with contextlib.suppress(OSError), link:
            if certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                link = context.wrap_socket(link, server_side=True)
            answer(link)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=take, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{'https' if certificate else 'http'}://localhost:{server.getsockname()[1]}/"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(parts(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue"),
        pytest.param(parts(b"", b"x"), id="status"),
        pytest.param(parts(OK + b"X: ", b"x"), id="header"),
        pytest.param(parts(OK + b"Content-Length: 60000\r\n\r\n", b"x"), id="body"),
        pytest.param(parts(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"), id="chunk"),
        pytest.param(slowly, id="request"),
    ],
)
def test_an_answer_without_end(monkeypatch, tmp_path, encrypted, answer):
    """After a time the attempt fails, whatever part of the answer does not come to its end."""
    monkeypatch.setattr(http, "WHOLE", WHOLE)
    own = tmp_path / "own.pem"
    self_signed(own)
    with receiver(answer, own if encrypted else None) as url:
        block = BLOCK | {"url": url, "ca_cert": str(own)}
        output = make_output(block, Form(LARGE // 8 if answer is slowly else 1))
        begun = time.monotonic()
        with pytest.raises(OutputError, match=r"cannot post to \S+: ") as raised:
            output.deliver([alert("a")])
        output.close()

    assert WHOLE * 0.9 < time.monotonic() - begun < LASTS / 2
    assert "within 1 s" in str(raised.value) or "time" in str(raised.value)


def test_too_long_an_answer():
    """A receiver that answers fast and without end is heard up to a number of bytes."""
    with receiver(parts(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0)) as url:
        output = make_output(BLOCK | {"url": url}, Form())
        with pytest.raises(OutputError, match=f"it has answered with more than {http_bounds.MOST} bytes"):
            output.deliver([alert("a")])
        output.close()


def test_a_kept_connection_has_time_again(monkeypatch):
    """Each request over one connection has its own time."""
    connections = []

    def answer(link):
        connections.append(link)
        while link.recv(65536):
            time.sleep(0.4 * WHOLE)
            link.sendall(OK + b"Content-Length: 2\r\n\r\nok")

    monkeypatch.setattr(http, "WHOLE", WHOLE)
    with receiver(answer) as url:
        output = make_output(BLOCK | {"url": url}, Form())
        for name in "abcd":
            output.deliver([alert(name)])
        output.close()

    assert 1 == len(connections)
