"""``http_output`` of a running agent: what its receiver refuses for good is parked, shown, and delivered again."""

import json

import pytest

from falcohost.testing.ports import Port
from falcohost.testing.receiver import Receiver

NUMBERS = ("--enable-source", "numbers")


@pytest.fixture
def receiver():
    """Return a running receiver."""
    running = Receiver()
    yield running
    running.close()


def test_at_once(agent, setup, receiver):
    """A confined process makes several requests at once."""
    url = f"http://127.0.0.1:{receiver.port}/"
    config = f"json_output: true\nhttp_output: {{enabled: true, url: '{url}', keep_alive: true, concurrency: 4}}"
    running = agent(*setup(config, numbers={"count": 30, "interval": 0}), *NUMBERS)
    assert 0 == running.wait()

    found = [json.loads(body)["output_fields"].get("number.value") for body in receiver.bodies]
    assert list(range(1, 31)) == sorted(filter(None, found))


def test_parked(agent, falcohost, setup, receiver, until):
    """An alert that is refused for good holds up no other; it is delivered again when somebody says so."""
    receiver.answer = lambda body: (413, {}, b"too large") if b"value=2)" in body else (200, {}, b"")
    config = f"json_output: true\nhttp_output: {{enabled: true, url: 'http://127.0.0.1:{receiver.port}/'}}"
    command = setup(config, numbers={"count": 4, "interval": 0})
    running = agent(*command, *NUMBERS)
    assert 0 == running.wait()

    sent = [json.loads(body)["output"].partition("value=")[2] for body in receiver.bodies]
    assert ["1)", "2)", "3)", "4)"] == sent
    assert "output 'http' has refused 1 alert for good (413: too large); falcohost store parked" in running.stderr
    assert "1 alert is parked: " in falcohost("store").stdout
    shown = falcohost("store", "parked").stdout
    assert ("refused: 413: too large", "http: ") == (shown.splitlines()[1].strip(), shown[:6])
    (row,) = map(json.loads, falcohost("store", "parked", "--json").stdout.splitlines())
    assert ("http", "413: too large", "Every number") == (row["output"], row["reason"], row["rule"])

    again = falcohost(*command[:2], "store", "resend", "--output", "http")
    assert (0, "0 parked alerts were delivered, 1 refused again.\n") == (again.returncode, again.stdout)
    receiver.answer = lambda body: (200, {}, b"")
    again = falcohost(*command[:2], "store", "resend", "--output", "http")
    assert (0, "1 parked alert was delivered.\n") == (again.returncode, again.stdout)
    assert receiver.bodies[1] == receiver.bodies[-1]
    assert "Nothing is parked.\n" == falcohost("store", "parked").stdout
    again = falcohost(*command[:2], "store", "resend", "--output", "http", "--since", "1h")
    assert (0, "4 alerts were delivered.\n") == (again.returncode, again.stdout)
    assert receiver.bodies[:4] == receiver.bodies[-4:]
    wrong = falcohost(*command[:2], "store", "resend", "--output", "nothing")
    assert "no output 'nothing' is enabled in the configuration; there are http" in wrong.stderr
    forgotten = falcohost("store", "resend", "--output", "http")
    assert "there are stdout (-c FILE before the command names the agent's configuration)" in forgotten.stderr


def test_a_receiver_that_comes_late(agent, setup, until):
    """Alerts wait for a receiver that is not there yet, and come in order."""
    port = Port()
    config = f"stdout_output: {{enabled: true}}\nhttp_output: {{enabled: true, url: 'http://127.0.0.1:{port.number}/'}}"
    running = agent(*setup(config), *NUMBERS)
    running.wait_for_alerts(3)
    until(lambda: f"cannot post to http://127.0.0.1:{port.number}: Connection refused" in running.stderr)
    number = port.number
    port.close()
    receiver = Receiver(port=number)
    try:
        until(lambda: len(receiver.bodies) >= 3)
        assert running.alerts[:3] == [body.decode() for body in receiver.bodies[:3]]
    finally:
        receiver.close()


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("", "http_output.url has to be set if the http output is enabled"),
        ("url: 'ftp://x'", "http_output.url has to be like https://HOST:PORT/PATH, not 'ftp://x'"),
        ("url: 'http://x', batch: 1001", "http_output.batch has to be at most 1000, not 1001"),
        ("url: 'http://x', secret: a, secret_file: b", "http_output.secret_file cannot be set together with secret"),
        ("url: 'http://x', headers: {'A b': c}", "http_output.headers.A b is no header: "),
    ],
)
def test_what_cannot_be(falcohost, setup, block, problem):
    """A value that makes no sense is an error with its place."""
    ended = falcohost(*setup(f"http_output: {{enabled: true, {block}}}"), *NUMBERS, "--dry-run")

    assert 1 == ended.returncode
    assert problem in ended.stderr
    assert "falco.yaml:" in ended.stderr
