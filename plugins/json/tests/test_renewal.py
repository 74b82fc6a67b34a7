"""Certificates and tokens that are new are taken over while the agent runs; the doctor beside it."""

import http.client
import json
import os
import signal
import socket
import ssl
import threading

import pytest

from falcohost.testing.agent import Agent
from falcohost.testing.certificates import put, self_signed
from falcohost.testing.cli import run_cli
from falcohost.testing.ports import Port
from falcohost.testing.waiting import PATIENCE, wait_until

RULES = """
- rule: sent
  desc: Fires on every record with a number.
  condition: json.value[/n] exists
  output: "%json.value[/n]"
  priority: INFO
  source: app
"""


def make_certificate(path):
    """Put a certificate to *path*; return a context that trusts it."""
    self_signed(path)
    return ssl.create_default_context(cafile=path)


class Listening:
    """An agent that listens on HTTPS, with a token."""

    def __init__(self, folder):
        self.held = Port()
        self.port = self.held.number
        (folder / "rules.yaml").write_text(RULES)
        self.folder, self.certificate, self.token = folder, folder / "server.pem", folder / "token"
        self.context = make_certificate(self.certificate)
        put(self.token, b"first")
        source = {
            "name": "app", "open_params": f"https://localhost:{self.port}/in",
            "certificate": str(self.certificate), "token_file": str(self.token),
        }  # fmt: skip
        settings = {
            "plugins": [{"name": "json", "init_config": {"sources": [source]}}],
            "load_plugins": ["json"],
            "engine": {"kind": "nodriver"},
            "falcohost": {"state_dir": str(folder / "state"), "watch_interval": 0.2},
        }
        self.agent = Agent(folder, [folder / "rules.yaml"], settings=settings)
        self.agent.wait_until_ready()

    def post(self, token, context):
        """Send a record; return the status, or what went wrong."""
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=PATIENCE, context=context)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        try:
            connection.request("POST", "/in", b'{"n":1}', headers)
            return connection.getresponse().status
        except OSError as error:
            return type(error)
        finally:
            connection.close()

    def until(self, expected, token, context):
        """Send until *expected* comes of it."""
        outcomes = []

        def is_expected():
            outcomes.append(self.post(token, context))
            return outcomes[-1] == expected

        wait_until(is_expected, lambda: outcomes[-1])

    def doctor(self):
        """Return what the doctor finds about the source."""
        done = run_cli("-c", str(self.folder / "falco.yaml"), "doctor", "--json")
        return [(found["what"], found["problem"]) for found in json.loads(done.stdout) if found["source"] == "app"]


@pytest.fixture
def listening(tmp_path):
    """Return an agent that runs."""
    listening = Listening(tmp_path)
    yield listening
    listening.agent.kill()
    listening.held.close()


def test_new_secrets(listening):
    """A new token and a new certificate count within seconds; a broken one is told, and the former stays."""
    assert listening.post("first", listening.context) == 200
    assert listening.post("second", listening.context) == 401
    put(listening.token, b"second")
    listening.until(200, "second", listening.context)
    assert listening.post("first", listening.context) == 401

    put(listening.certificate, b"broken")
    listening.agent.wait_for_log(lambda text: "keeps its former certificate and secret" in text)
    assert listening.post("second", listening.context) == 200
    context = make_certificate(listening.certificate)
    listening.until(200, "second", context)
    assert listening.post("second", listening.context) is ssl.SSLCertVerificationError
    assert "starting it again" not in listening.agent.log


def test_senders_wait_for_a_worker(listening):
    """While a worker that was killed is replaced, whoever connects waits for the next one and is not refused."""
    outcomes = []
    for _ in range(2):
        os.kill(listening.agent.worker(), signal.SIGKILL)
        outcomes += [listening.post("first", listening.context) for _ in range(20)]
        listening.until(200, "first", listening.context)

    assert ConnectionRefusedError not in outcomes
    assert outcomes.count(200) >= 36, outcomes  # a connection that the old one had just taken ends with it
    assert 2 == listening.agent.log.count("starting it again")


def test_senders_wait_for_the_next_version(listening):
    """While the agent goes over to the installed version, whoever connects waits and is not refused."""
    outcomes, commands = [], []
    thread = threading.Thread(
        target=lambda: commands.append(run_cli("-c", str(listening.folder / "falco.yaml"), "upgrade"))
    )
    thread.start()
    while thread.is_alive():
        outcomes.append(listening.post("first", listening.context))
    thread.join()

    assert (0, "") == (commands[0].returncode, commands[0].stderr)
    assert 2 == listening.agent.log.count("Ready after")
    assert ConnectionRefusedError not in outcomes
    assert outcomes.count(200) >= len(outcomes) - 1  # a connection that the old worker had just taken ends with it


def test_nobody_waits_for_a_source_that_cannot_be_opened(listening):
    """Where the next worker cannot open the source, senders are refused; when it can, it binds the port anew."""
    context = make_certificate(listening.folder / "other.pem")
    put(listening.certificate, b"broken")
    os.kill(listening.agent.worker(), signal.SIGKILL)
    listening.agent.wait_for_log(lambda text: "it is not PEM; starting" in text)

    listening.until(ConnectionRefusedError, "first", context)
    put(listening.certificate, (listening.folder / "other.pem").read_bytes())
    listening.until(200, "first", context)


def test_the_doctor(listening):
    """That the agent which runs has the port is no fault; that another program has it is one."""
    assert listening.doctor() == [("its address is available: the running agent listens on it", None)]

    listening.agent.kill()
    with socket.create_server(("localhost", listening.port)):
        ((what, problem),) = listening.doctor()
    assert (what, "another program uses the port" in problem) == ("its address is available", True)
    assert listening.doctor() == [("open_params can be read", None)]
