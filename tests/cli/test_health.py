"""The endpoints of a running agent: what they answer, to whom, and what their process may do."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
from pathlib import Path

import pytest
from endpoints import CONFIG, SOURCE, Client, serving, value

from falcohost.host.health.endpoints import LIMITS
from falcohost.testing.certificates import self_signed
from falcohost.testing.ports import Port
from falcohost.testing.prometheus import scraping

TOKEN = "a-token-of-a-test-0123456789"


@pytest.fixture(scope="module")
def client(module_home, until):
    """Return what asks an agent that no test disturbs."""
    with serving(module_home, until) as client:
        yield client


def of_process(pid):
    """Return what /proc/PID/status says."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: found.strip() for name, _, found in (line.partition(":") for line in lines)}


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/healthz", 200, '{"status":"ok"}\n'),
        ("/readyz", 200, '{"status":"ok"}\n'),
        ("/healthz?x=1", 200, '{"status":"ok"}\n'),
        ("/", 404, '{"status":"not found"}\n'),
        ("/healthz/", 404, '{"status":"not found"}\n'),
    ],
)
def test_answers(client, path, status, text):
    """An agent that works says so, and nothing else; another path is not found."""
    found = client.ask(path)

    assert (status, text, "application/json") == (found[0], found[2], found[1]["Content-Type"])
    assert "Server" not in found[1]


def test_versions(client):
    """Falco's object of versions, with those of the plugins."""
    found = json.loads(client.ask("/versions")[2])

    assert ("0.44.1", "0.1.0") == (found["falco_version"], found["falcohost_version"])
    assert "1.0" == found["plugin_versions"]["numbers"]


def test_metrics(client, until):
    """The numbers are those that the agent counts."""
    status, headers, text = client.ask("/metrics")
    name = 'falcohost_source_lost_total{cause="thrown away",source="numbers"}'
    lost = until(lambda: value(client.ask("/metrics")[2], name))

    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (status, headers["Content-Type"])
    assert 3 == lost
    assert 1 == value(text, 'falcohost_source_up{source="numbers"}')
    assert 'falcosecurity_falco_version_info{version="0.44.1"} 1.0' in text
    assert 'falcohost_process_restarts_total{process="health",source=""} 0.0' in text


def test_the_same_without_a_body(client):
    """HEAD answers what GET does, without the body; nothing else is allowed."""
    assert (200, "") == client.ask("/healthz", "HEAD")[::2]
    assert (200, "") == client.ask("/metrics", "HEAD")[::2]
    assert [405, 405, 405] == [client.ask("/healthz", method)[0] for method in ("POST", "PUT", "DELETE")]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:80", 200), ("127.0.0.1", 200), ("[::1]:8765", 200), ("10.1.2.3:9", 200), ("LOCALHOST.", 200),
        ("evil.example", 403), ("evil.example:8765", 403), ("localhost@evil.example", 400), ("[", 403), ("", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)  # fmt: skip
def test_other_names(client, host, status):
    """A request has to be for this host: a web page cannot have a browser ask under a name of its own."""
    assert {status} == {client.ask(path, host=host)[0] for path in ("/healthz", "/metrics", "/versions")}


def test_snapshots(client, until):
    """Each snapshot is an alert of Falco's rule, and a line of the file, with the same fields."""
    file = client.agent.folder.parent / "snapshots"

    def alerts():
        return [one for one in client.agent.alerts if one["rule"] == "Falco internal: metrics snapshot"]

    def numbers():
        return [json.loads(line)["output_fields"]["falco.num_evts"] for line in file.read_text().splitlines()]

    until(lambda: len(alerts()) >= 3 and numbers()[-1] > numbers()[0])
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    first = alerts()[0]
    said = (first["priority"], first["source"], first["output"])

    assert ("Informational", "internal", "Falco metrics snapshot") == said
    assert [1, 2, 3] == [line["sample"] for line in lines[:3]]
    assert "numbers" == first["output_fields"]["evt.source"]
    assert first["output_fields"]["falco.num_evts"] in [line["output_fields"]["falco.num_evts"] for line in lines]


def test_what_it_may_do(client):
    """It is a user of its own without capabilities, may open no file but Python's, and no connections."""
    status = of_process(client.process)

    assert ("1", "2") == (status["NoNewPrivs"], status["Seccomp"])
    if os.geteuid() == 0:
        users = [of_process(pid)["Uid"].split()[0] for pid in client.agent.children()]
        assert len(users) == len({*users} - {"0"})
        assert {"0000000000000000"} == {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}


def test_connections_are_limited(client):
    """One address cannot have more than its connections: the oldest is closed; and others are still answered."""
    held = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(LIMITS.peer_connections + 20)]
    try:
        assert 200 == client.status("/healthz")
        held[0].settimeout(60)
        assert b"" == held[0].recv(1)
    finally:
        for one in held:
            one.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n" + b"a" * 2000,
        b"\x16\x03\x01\x02\x00" + b"\0" * 500,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET " + b"/" * 9000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["headers", "body", "tls", "hosts", "path"],
)
def test_requests_that_are_none(client, sent):
    """What is too large or no request closes the connection, and the process goes on."""
    before = client.process
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as link:
        link.sendall(sent)
        link.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := link.recv(4096):
                answer += data

    assert b" 200 " not in answer
    assert (200, before) == (client.status("/healthz"), client.process)


def test_many_scrapes_are_few_questions(client, until):
    """Thirty requests at once are answered with the numbers of a moment, not with thirty."""
    link = [http.client.HTTPConnection("127.0.0.1", client.port, timeout=60) for _ in range(30)]
    for one in link:
        one.request("GET", "/metrics", headers={"Host": "localhost"})
    texts = {one.getresponse().read() for one in link}
    for one in link:
        one.close()

    assert 1 <= len(texts) <= 5


def test_prometheus_scrapes(client, tmp_path, until):
    """Prometheus takes the metrics: the target is up, and has the values."""
    with scraping(client.port, tmp_path) as query:
        assert ["3"] == until(lambda: query("falcohost_source_lost_total"))
        assert ["1"] == query("falcosecurity_falco_version_info")


def test_a_token(home, until):
    """Metrics are for those who show the token; the other endpoints ask for none."""
    (home.folder / "token").write_text(f"{TOKEN}\n")
    ours = "falcohost: {{webserver: {{token_file: {folder}/token, hosts: [metrics.example]}}}}\n"
    with serving(home, until, CONFIG + ours) as client:
        wrong = [None, "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN]

        assert {401} == {client.ask("/metrics", Authorization=one)[0] for one in wrong}
        assert "Bearer" == client.ask("/metrics")[1]["Www-Authenticate"]
        assert 200 == client.status("/metrics", Authorization=f"Bearer {TOKEN}")
        assert 200 == client.status("/healthz")
        hosts = [client.status("/readyz", host=host) for host in ("metrics.example", "x.example")]
        assert [200, 403] == hosts


def test_tls(home, until):
    """With a certificate the endpoints speak HTTPS, and nothing else."""
    self_signed(home.folder / "cert.pem")
    port = Port()
    block = f"ssl_enabled: true, ssl_certificate: {home.folder}/cert.pem"
    config = f"webserver: {{enabled: true, listen_port: {port.number}, {block}}}\n"
    running = home.agent(*home.setup(config, numbers={"interval": 0.02}), *SOURCE)
    port.close()
    trusting = ssl.create_default_context(cafile=home.folder / "cert.pem")

    def ask():
        link = http.client.HTTPSConnection("localhost", port.number, timeout=60, context=trusting)
        with contextlib.closing(link):
            try:
                link.request("GET", "/readyz")
                return link.getresponse().status
            except OSError:
                return 0

    until(lambda: ask() == 200, lambda: running.stderr)
    assert 200 != Client(running, port.number).status("/healthz")
    running.process.send_signal(signal.SIGTERM)
    assert 0 == running.wait()
