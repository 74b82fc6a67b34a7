"""Tables are fetched from servers: as often as configured, if they have changed, and bounded."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import replace

import pytest

from falcohost.poll import HttpLimits
from falcohost.testing.certificates import self_signed
from falcohost.testing.server import Reply
from falcohost.testing.waiting import wait_until
from falcohost_tables import tables
from falcohost_tables.fetching import LIMITS, Fetcher
from falcohost_tables.tables import Tables

CSV = b"host,owner\nweb1,ann\n"


class Fetched:
    """A table that is fetched, and what is known of it."""

    def __init__(self, table, limits: HttpLimits = LIMITS) -> None:
        self.tables = Tables([table])
        self._loaded = self.tables.by_name["asset"]
        self._fetcher = Fetcher(table, self._loaded, limits)

    def fetch(self) -> float:
        """Fetch the table; return the seconds until the next time."""
        return self._fetcher.fetch()

    def owner(self, host: str = "web1"):
        """Return who has a machine."""
        row = self._loaded.find(host.encode())
        return row and row[1]

    @property
    def state(self) -> tuple[int, str]:
        """Return how often the table was taken over, and what is wrong."""
        state = self._loaded.state
        return state.taken, state.problem


@pytest.fixture
def fetched(table):
    """Return a function that makes a table of a URL."""

    def fetched(url, limits=LIMITS, **settings):
        return Fetched(table(url=url, columns=["owner"], interval=50, format="csv", **settings), limits)

    return fetched


def test_a_table_is_fetched_again_only_if_it_has_changed(serve, fetched):
    """The second request names the tag of the first answer; an answer without news changes nothing."""

    def answer(request):
        if request.headers.get("if-none-match") == '"1"':
            return Reply(304, b"")
        return Reply(200, CSV, {"ETag": '"1"', "Content-Type": "text/csv", "Last-Modified": "today"})

    server = serve(answer)
    one = fetched(f"{server.url}/a.csv")
    waits = [one.fetch(), one.fetch()]

    assert ("ann", (1, "")) == (one.owner(), one.state)
    assert ["today", '"1"'] == [server.requests[1].headers[name] for name in ("if-modified-since", "if-none-match")]
    assert all(45 <= wait <= 50 for wait in waits)


def test_a_failure_keeps_the_table(serve, fetched):
    """The rows stay, the problem is said, the server is asked again sooner, and later each time."""
    replies = [Reply(200, CSV), Reply(500), None, Reply(200, b"host\n"), Reply(200, CSV.replace(b"ann", b"bob"))]
    server = serve(lambda request: replies[len(server.requests) - 1])
    one = fetched(server.url)
    one.fetch()
    waits, problems = [], []
    for _ in range(3):
        waits.append(one.fetch())
        problems.append(one.state[1])

    assert "ann" == one.owner()
    assert ["500 Internal Server Error" in problems[0], "there is no column 'owner'" in problems[2]] == [True, True]
    assert all(problems)
    assert 2 <= waits[0] < waits[1] < waits[2] < 10
    one.fetch()
    assert ("bob", (2, "")) == (one.owner(), one.state)


def test_a_problem_is_over_when_nothing_has_changed(serve, fetched):
    """After a failure, an answer without news says that what is in use is what there is."""
    replies = [Reply(200, CSV, {"ETag": "x"}), Reply(503, headers={"Retry-After": "77"}), Reply(304, b"")]
    server = serve(lambda request: replies[len(server.requests) - 1])
    one = fetched(server.url)
    waits = [one.fetch() for _ in replies]

    assert 77 <= waits[1]
    assert (1, "") == one.state


@pytest.mark.parametrize(
    ("reply", "limits", "error"),
    [
        (Reply(200, b"x" * 5000), {"body": 4096}, "too large"),
        (Reply(200, CSV, gate=threading.Event()), {"pause": 0.1}, ""),
        (Reply(302, b"", {"Location": "/other"}), {}, "302"),
        (Reply(200, CSV, cut=5), {}, ""),
    ],
)
def test_what_a_server_sends_is_bounded(serve, fetched, reply, limits, error):
    """An answer that is too large, too slow, elsewhere or damaged is a problem."""
    server = serve(lambda request: reply)
    one = fetched(server.url, replace(LIMITS, **limits))
    one.fetch()
    if reply.gate is not None:
        reply.gate.set()

    assert one.state[1]
    assert error in one.state[1]
    assert one.owner() is None


def test_an_answer_whose_head_does_not_end(fetched, monkeypatch):
    """A server that sends a head byte by byte is told after some time; the table is fetched when it has ended."""
    monkeypatch.setattr(tables, "LONGEST_FETCH", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = fetched(f"http://127.0.0.1:{server.getsockname()[1]}")
        fetching = threading.Thread(target=one.fetch)
        fetching.start()
        link, _ = server.accept()
        with link:
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nX: ")

            def told() -> bool:
                link.sendall(b"x")
                one.tables.look()
                return "the answer does not end" in one.state[1]

            wait_until(told)
            link.sendall(b"\r\n\r\n" + CSV)
            fetching.join()
    one.tables.look()

    assert ("ann", (1, "")) == (one.owner(), one.state)


def test_tls_is_checked(serve, fetched, tmp_path):
    """A server with a certificate of an unknown authority gets no token and is not believed; a known one is."""
    self_signed(tmp_path / "tls")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "tls")
    (tmp_path / "token").write_text("secret\n")
    server = serve(lambda request: Reply(200, CSV), tls)
    url = server.url.replace("127.0.0.1", "localhost")
    token = {"token_file": str(tmp_path / "token")}
    unknown, known = fetched(url, **token), fetched(url, ca=str(tmp_path / "tls.crt"), **token)
    unknown.fetch()
    known.fetch()

    assert "certificate" in unknown.state[1].lower()
    assert ["Bearer secret"] == [request.headers["authorization"] for request in server.requests]
    assert "ann" == known.owner()
    (tmp_path / "token").unlink()
    known.fetch()
    assert "the token cannot be read" in known.state[1]
    assert "ann" == known.owner()
