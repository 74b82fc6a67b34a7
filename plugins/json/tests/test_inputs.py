"""A log that is sent here, and one that a program prints, with the whole agent."""

import gzip
import hashlib
import hmac
import http.client
import os
import signal
import socket
import time
from pathlib import Path

import pytest

import falcohost_json.plugin
from falcohost import ConfigError, SourceError
from falcohost.store.history import History, Wanted
from falcohost.testing.agent import Agent

RULES = "".join(
    f"""
- rule: {name}
  desc: Fires on every record.
  condition: json.value[/n] exists
  output: "%evt.time.iso8601 n=%json.value[/n] uid=%json.value[/uid]"
  priority: INFO
  source: {name}
"""
    for name in ("sent", "printed")
)

PROGRAM = """trap '' TERM; echo '{"n":1,"uid":'$(id -u)'}'; sleep 1000 & echo '{"n":'$!'}'; wait"""


class Inputs:
    """An agent with a source that is sent records, and one that a program prints."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        (folder / "rules.yaml").write_text(RULES)
        (folder / "key").write_text("sesame\n")
        sent = {
            "open_params": f"http://127.0.0.1:{self.port}/in", "time": "at", "records": "items",
            "signature_key_file": str(folder / "key"), "signature_header": "X-Signature",
        }  # fmt: skip
        sources = [{"name": "sent", **sent}, {"name": "printed", "program": PROGRAM}]
        settings = {
            "plugins": [{"name": "json", "init_config": {"sources": sources}}],
            "load_plugins": ["json"],
            "engine": {"kind": "nodriver"},
        }
        self.folder = folder
        self.agent = Agent(folder, [folder / "rules.yaml"], settings=settings)
        self.agent.wait_until_ready()

    def post(self, body, key=b"sesame", **headers):
        """Send *body*, signed with *key*; return the status."""
        signature = hmac.new(key, body, hashlib.sha256).hexdigest()
        shown = {"Content-Type": "application/json", "X-Signature": signature} | headers
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/in", gzip.compress(body) if headers else body, shown)
        status = connection.getresponse().status
        connection.close()
        return status

    def stored(self, source):
        """Return the messages of the alerts of *source* that are stored."""
        history = History(self.folder / "state")
        try:
            return [alert.message for alert in history.alerts(Wanted(source=source))]
        finally:
            history.close()


@pytest.fixture
def inputs(tmp_path):
    """Return an agent that runs."""
    inputs = Inputs(tmp_path)
    yield inputs
    inputs.agent.kill()


def test_sent(inputs):
    """Every form of a body is taken if it is signed; an event with a time is one however often it is sent."""
    records = [b'{"at":%d,"n":%d}' % (1772366400 + n, n) for n in range(6)]
    bodies = [
        records[0], b"[%s,%s]" % (records[1], records[2]), b"%s\n%s\n" % (records[3], records[4]),
        b'{"items":[%s]}' % records[5],
    ]  # fmt: skip

    assert [inputs.post(body) for body in bodies] == [200] * 4
    assert [inputs.post(body, **{"Content-Encoding": "gzip"}) for body in bodies] == [200] * 4
    assert inputs.post(records[0], key=b"guessed") == 401
    expected = [f"2026-03-01T12:00:0{n}.000000000+0000 n={n} uid=<NA>" for n in range(6)]
    assert inputs.stored("sent") == expected
    assert [inputs.post(b'{"n":7}') for _ in range(2)] == [200, 200]
    assert len(inputs.stored("sent")) == 8


def test_printed(inputs):
    """The program runs without root's rights, and ends with the worker, however that ends."""
    first = inputs.agent.wait_for(lambda alert: alert["output_fields"].get("json.value[/uid]"))
    assert first["output_fields"]["json.value[/uid]"] == str(65534 if os.geteuid() == 0 else os.geteuid())
    second = inputs.agent.wait_for(lambda alert: alert["source"] == "printed" and alert not in [first])
    pid = second["output_fields"]["json.value[/n]"]
    assert Path(f"/proc/{pid}").exists()

    os.kill(inputs.agent.process.pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"open_params": "https://127.0.0.1:1/in"}, ConfigError, "needs certificate"),
        ({"open_params": "http://127.0.0.1/in"}, SourceError, "names no port"),
        ({"open_params": "http://127.0.0.1:1/in", "token_file": "/no/token"}, SourceError, "token file /no/token"),
        ({"open_params": "http://127.0.0.1:1/in", "signature_key_file": "/no"}, SourceError, "signature key file /no"),
    ],
)
def test_wrong_settings(settings, error, text):
    """A mistake is told when the source is made, and not when the plugin is asked what it has."""
    entry = {"sources": [{"name": "app", **settings}]}
    (spec,) = falcohost_json.plugin.falcohost_sources(entry)

    with pytest.raises(error, match=text):
        spec.make(entry)
