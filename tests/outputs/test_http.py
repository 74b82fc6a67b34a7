"""The output ``http``: what a receiver gets, and what each of its answers leads to."""

import gzip
import hmac
import random
import socket
import ssl
import threading

import msgspec
import pytest

from falcohost import OutputError, OutputRefused, RetriedProblem
from falcohost.outputs import http
from falcohost.outputs.http import HttpOutput, make_output, problem
from falcohost.outputs.http_settings import HttpSettings, http_addresses
from falcohost.testing.certificates import self_signed
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert
from falcohost.testing.ports import Port
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import PATIENCE, wait_until

BLOCK = {
    "url": "", "batch": 0, "concurrency": 1, "headers": {}, "user_agent": "", "secret": "", "secret_file": "",
    "ca_cert": "", "ca_bundle": "", "ca_path": "", "client_cert": "", "client_key": "", "insecure": False,
    "mtls": False, "echo": False, "compress_uploads": False, "keep_alive": False,
}  # fmt: skip


class Form:
    """An alert's line is its output; *json*: a JSON text of its rule."""

    def __init__(self, json=False):
        self.json = json

    def line(self, one):
        """Return the line."""
        return msgspec.json.encode(one.rule) if self.json else one.output.encode()


@pytest.fixture
def receiver():
    """Return a running receiver."""
    running = Receiver()
    yield running
    running.close()


def block(receiver, **more):
    """Return a block for a receiver."""
    return BLOCK | {"url": f"http://127.0.0.1:{receiver.port}/path?token=x"} | more


def rules(*names):
    """Return alerts."""
    return [alert(name) for name in names]


def test_an_answer_that_is_none(receiver):
    """Of what does not speak HTTP, the message has the beginning: it is in the log after each attempt."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            link, _ = server.accept()
            with link:
                link.recv(65536)
                link.sendall(b"x\x1b[31m" + b"y" * 30_000 + b"\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        output = make_output(block(receiver, url=f"http://127.0.0.1:{server.getsockname()[1]}/"), Form())
        with pytest.raises(OutputError, match="cannot post to") as raised:
            output.deliver([alert("a")])
        thread.join()
    output.close()

    assert (True, True) == (len(str(raised.value)) < 300, "\x1b" not in str(raised.value))


def test_each_alone(receiver):
    """Each alert is a request with its line as the body, as Falco posts it, and with its id as the key."""
    output = make_output(block(receiver), Form())
    output.deliver(rules("a", "b"))
    output.close()

    assert [one.output.encode() for one in rules("a", "b")] == receiver.bodies
    headers = receiver.requests[0][0]
    assert ("text/plain; charset=utf-8", "falcohost", '"id-a"') == tuple(
        headers[name] for name in ("Content-Type", "User-Agent", "Idempotency-Key")
    )
    named = {"Content-Type", "User-Agent", "Idempotency-Key"}
    assert {"Host", "Accept-Encoding", "Connection", "Content-Length", *named} == headers.keys()
    assert 2 == receiver.connections


def test_batches(receiver):
    """With a batch alerts are an array of JSON, or lines of text, over a connection that is kept."""
    output = make_output(block(receiver, batch=2, keep_alive=True), Form(json=True))
    output.deliver(rules("a", "b", "c"))
    make_output(block(receiver, batch=3), Form()).deliver(rules("d", "e"))

    assert [b'["rule a","rule b"]', b'["rule c"]'] == receiver.bodies[:2]
    assert b"\n".join(one.output.encode() for one in rules("d", "e")) == receiver.bodies[2]
    assert "application/json" == receiver.requests[0][0]["Content-Type"]
    assert 2 == receiver.connections
    output.close()


def test_what_is_configured(receiver, capfd, tmp_path):
    """Headers, user agent, compression, echo, and a signature that covers what was sent and when."""
    (tmp_path / "secret").write_text("key\n")
    options = {"headers": {"X-Team": "soc"}, "user_agent": "me", "compress_uploads": True, "echo": True}
    receiver.answer = lambda body: (201, {}, b"taken\n\x1b[2J")
    make_output(block(receiver, secret_file=str(tmp_path / "secret"), **options), Form()).deliver(rules("a"))

    ((headers, body),) = receiver.requests
    assert ("soc", "me", "gzip") == (headers["X-Team"], headers["User-Agent"], headers["Content-Encoding"])
    assert alert("a").output.encode() == gzip.decompress(body)
    time, _, digest = headers["X-Falcohost-Signature"].removeprefix("t=").partition(",v1=")
    assert hmac.new(b"key", time.encode() + b"." + body, "sha256").hexdigest() == digest
    assert capfd.readouterr().out.startswith("taken")
    with pytest.raises(OutputError, match=r"the secret of http_output cannot be read from /none: No such file"):
        make_output(block(receiver, secret_file="/none"), Form())


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 503])
def test_what_is_tried_again(receiver, status):
    """Any other answer is an error that shows it; what had arrived before is not posted again. Nothing is followed."""
    receiver.answer = lambda body: (status, {"Location": "/"}, b"no") if b"rule b" in body else (200, {}, b"")
    output = make_output(block(receiver), Form())
    with pytest.raises(OutputError, match=rf"http://127.0.0.1:{receiver.port} has answered {status}: no$") as raised:
        output.deliver(rules("a", "b", "c"))
    assert not isinstance(raised.value, OutputRefused)
    receiver.answer = lambda body: (200, {}, b"")
    output.deliver(rules("a", "b", "c"))
    output.deliver(rules("a"))

    sent = [body.decode().split()[3] for body in receiver.bodies]
    assert ["a", "b", "b", "c", "a"] == sent


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("batch", [0, 8])
def test_what_is_refused_for_good(receiver, status, batch):
    """Only the alerts that the receiver will never take are refused, also if they were in a batch with others."""
    receiver.answer = lambda body: (status, {}, b"bad") if b"rule bad" in body else (200, {}, b"")
    output = make_output(block(receiver, batch=batch), Form())
    with pytest.raises(OutputRefused) as raised:
        output.deliver(rules("a", "bad 1", "b", "c", "bad 2"))

    assert {1: f"{status}: bad", 4: f"{status}: bad"} == raised.value.refused
    taken = b"\n".join(body for body in receiver.bodies if b"rule bad" not in body)
    assert all(taken.count(f"rule {name} ".encode()) == 1 for name in "abc")


def test_a_refusal_survives_an_error(receiver):
    """What was refused before an error is told after the next attempt, and not posted again."""
    answers = {b"bad": 400, b"later": 500}
    receiver.answer = lambda body: (next((status for word, status in answers.items() if word in body), 200), {}, b"")
    output = make_output(block(receiver), Form())
    with pytest.raises(OutputError, match="has answered 500"):
        output.deliver(rules("bad", "later"))
    del answers[b"later"]
    with pytest.raises(OutputRefused) as raised:
        output.deliver(rules("bad", "later"))

    assert ({0: "400"}, 3) == (raised.value.refused, len(receiver.requests))


@pytest.mark.parametrize(
    ("after", "seconds"), [("7", 7.0), ("99999", http.LONGEST_WAIT), ("Tue, 14 Nov 2023 22:13:25 GMT", 5.0)]
)
def test_retry_after(receiver, after, seconds):
    """Nothing is posted before the time that the receiver names, within reason."""
    clock = ManualClock()
    settings = HttpSettings.of(block(receiver), json=False)
    output = HttpOutput(settings, http._session(settings), Form(), clock)
    receiver.answer = lambda body: (429, {"Retry-After": after}, b"")
    for message in ("has answered 429", "has asked to wait", "has asked to wait"):
        with pytest.raises(OutputError, match=message):
            output.deliver(rules("a"))
        clock.advance(seconds / 2 - 0.1)
    receiver.answer = lambda body: (200, {"Retry-After": "x"}, b"")
    clock.advance(0.4)
    output.deliver(rules("a"))

    assert 2 == len(receiver.requests)


def test_a_receiver_that_hangs_up(receiver):
    """A connection that breaks is an error with its reason; so is a port at which nobody listens."""
    receiver.answer = lambda body: (0, {}, b"")
    with pytest.raises(OutputError, match=rf"cannot post to http://127.0.0.1:{receiver.port}: "):
        make_output(block(receiver), Form()).deliver(rules("a"))
    port = Port()
    with pytest.raises(OutputError, match=rf"cannot post to http://127.0.0.1:{port.number}: Connection refused"):
        make_output(BLOCK | {"url": f"http://user:secret@127.0.0.1:{port.number}/s"}, Form()).deliver(rules("a"))
    found = problem(BLOCK | {"url": f"http://127.0.0.1:{port.number}"})
    assert isinstance(found, RetriedProblem)
    assert f"cannot connect to http://127.0.0.1:{port.number}: Connection refused; alerts wait" in found
    assert problem(block(receiver)) is None
    port.close()


def test_tls(tmp_path):
    """The receiver's certificate has to be trusted, by the files that are named and no others; ours is shown."""
    own, other = tmp_path / "own.pem", tmp_path / "other.pem"
    for path in (own, other):
        self_signed(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(other)
    receiver = Receiver(context)
    url = {"url": f"https://localhost:{receiver.port}/"}
    shown = {"mtls": True, "client_cert": str(other), "client_key": str(other)}
    try:
        for trust in ({"ca_cert": str(own)}, {"ca_bundle": str(own)}, {"insecure": True}):
            make_output(BLOCK | url | shown | trust, Form()).deliver(rules("a"))
        assert 3 == len(receiver.requests)
        for trust in ({}, {"ca_cert": str(other)}, {"ca_path": str(tmp_path)}):
            with pytest.raises(OutputError, match="its certificate is refused"):
                make_output(BLOCK | url | shown | trust, Form()).deliver(rules("b"))
        with pytest.raises(OutputError, match="cannot post to https://localhost"):
            make_output(BLOCK | url | {"ca_cert": str(own)}, Form()).deliver(rules("c"))
        assert 3 == len(receiver.requests)
    finally:
        receiver.close()
    with pytest.raises(OutputError, match="the certificate in /none cannot be used for http_output: No such file"):
        make_output(BLOCK | url | {"ca_cert": "/none"}, Form())
    with pytest.raises(OutputError, match="the certificate in /x and /y cannot be used for http_output: No such file"):
        make_output(BLOCK | url | {"mtls": True, "client_cert": "/x", "client_key": "/y"}, Form())


@pytest.mark.parametrize(
    ("url", "address"),
    [("https://a.example/x", "a.example:443"), ("http://u:p@[::1]/", "::1:80"), ("http://b:8/", "b:8")],
)
def test_addresses(url, address):
    """What the output connects to is the host and the port of its URL."""
    assert [address] == http_addresses({"url": url})


def test_at_once(receiver):
    """So many requests are made at once, and no more; all have arrived when deliver returns."""
    there, most, changed = 0, 0, threading.Condition()

    def answer(body):
        nonlocal there, most
        with changed:
            there, most = there + 1, max(most, there + 1)
            changed.notify_all()
            changed.wait_for(lambda: most == 4, PATIENCE)
        with changed:
            there -= 1
        return 200, {}, b""

    receiver.answer = answer
    output = make_output(block(receiver, concurrency=4, keep_alive=True), Form())
    output.deliver(rules(*map(str, range(20))))
    output.close()

    assert sorted(one.output.encode() for one in rules(*map(str, range(20)))) == sorted(receiver.bodies)
    assert 4 == most
    assert receiver.connections <= 4


@pytest.mark.parametrize("batch", [0, 3])
def test_at_once_with_failures(receiver, batch):
    """Whatever a receiver answers, all arrive, and only what it did not accept is posted again."""
    chance, accepted, lock = random.Random(batch), [], threading.Lock()

    def answer(body):
        names = msgspec.json.decode(body) if batch else [msgspec.json.decode(body)]
        with lock:
            lot = chance.random()
            if "rule 7" in names:
                return 400, {}, b"not this"
            if lot < 0.2:
                return 500, {}, b""
            accepted.extend(names)
            return (0, {}, b"") if lot < 0.3 else (200, {}, b"")

    receiver.answer = answer
    output = make_output(block(receiver, concurrency=5, keep_alive=True, batch=batch), Form(json=True))
    alerts = rules(*map(str, range(40)))
    refused = None
    for _ in range(200):
        try:
            output.deliver(alerts)
        except OutputRefused as error:
            refused = error.refused
            break
        except OutputError:
            continue
    output.close()

    assert {7: "400: not this"} == refused
    assert {one.rule for one in alerts} - {"rule 7"} == set(accepted)


def test_no_alert_is_far_from_its_place(receiver):
    """While one request waits for its answer, no more than those that are made at once overtake it."""
    slow = threading.Event()
    receiver.answer = lambda body: (slow.wait(PATIENCE) and 200, {}, b"") if b"rule 3 " in body else (200, {}, b"")
    output = make_output(block(receiver, concurrency=4, keep_alive=True), Form())
    counts = output.deliver_parts(rules(*map(str, range(40))))

    assert 3 == [next(counts) for _ in range(3)][-1]
    wait_until(lambda: len(receiver.bodies) == 6)
    slow.set()
    assert 40 == [*counts][-1]
    output.close()


def test_at_once_stops_after_an_error(receiver):
    """After an error no request begins; those that had begun count."""
    receiver.answer = lambda body: (500, {}, b"") if b"rule 3 " in body else (200, {}, b"")
    output = make_output(block(receiver, concurrency=2, keep_alive=True), Form())
    with pytest.raises(OutputError, match="500"):
        output.deliver(rules(*map(str, range(200))))
    before = len(receiver.bodies)
    receiver.answer = lambda body: (200, {}, b"")
    output.deliver(rules(*map(str, range(200))))
    output.close()

    assert before < 100
    assert 201 == len(receiver.bodies)
