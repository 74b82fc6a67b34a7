"""Web pages: what a browser sends for them is refused where senders need no secret."""

from __future__ import annotations

import http.client
import json

import pytest

from falcohost.testing.waiting import PATIENCE

RECORD = b'{"n":1}'


def status_of(served, host, **headers):
    """Send a record with the header Host; return the status of the answer and its message."""
    connection = http.client.HTTPConnection("127.0.0.1", served.address.port, timeout=PATIENCE)
    connection.putrequest("POST", "/in", skip_host=True)
    shown = {"Content-Type": "application/json", "Content-Length": str(len(RECORD)), "Host": host} | headers
    for name, value in shown.items():
        connection.putheader(name, value)
    connection.endheaders(RECORD)
    answer = connection.getresponse()
    message = json.loads(answer.read())["message"] if answer.getheader("Content-Type") else ""
    connection.close()
    return answer.status, message


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:{port}", 200),
        ("localhost.", 200),
        ("127.0.0.1:{port}", 200),
        ("127.9.9.9", 200),
        ("[::1]:{port}", 200),
        ("evil.example:{port}", 403),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("2130706433", 403),
        ("192.0.2.1", 403),
    ],
)
def test_the_host(serve, host, status):
    """A name that a page has given this machine's address (DNS rebinding) is refused; this machine's own are not."""
    served = serve()

    assert status == status_of(served, host.format(port=served.address.port))[0]
    assert len(served.records) == (status == 200)


def test_the_origin(serve):
    """What a page of any site sends to this machine is refused, also with a content type that needs no preflight."""
    served = serve()

    status, message = status_of(served, "localhost", Origin="http://localhost")
    assert (403, True) == (status, "web pages must not send events" in message)
    assert status_of(served, "localhost", Origin="null")[0] == 403
    assert served.turned_away == {"requests answered with 403": 2}
    assert served.records == []


def test_with_a_secret_the_host_does_not_matter(serve):
    """Behind a proxy, the header Host has the proxy's name; who shows the secret is no web page."""
    served = serve(token=b"t")

    assert status_of(served, "hooks.example.org", Authorization="Bearer t")[0] == 200
    assert status_of(served, "hooks.example.org")[0] == 401
