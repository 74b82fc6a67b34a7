"""A log that is sent here, and one that a program prints."""

import contextlib
import gzip
import hashlib
import hmac
import http.client
import os
import pwd
import signal
from pathlib import Path

import pytest

import falcohost_json.plugin
from falcohost import ConfigError, SourceError
from falcohost.testing.agent import Agent
from falcohost.testing.pipeline import Pipeline
from falcohost.testing.ports import Port
from falcohost.testing.waiting import PATIENCE, wait_until

RULES = """
- rule: Record
  desc: Fires on every record.
  condition: json.value[/n] exists
  output: "%evt.time.iso8601 n=%json.value[/n] uid=%json.value[/uid] %json.value[/groups]"
  priority: INFO
  source: app
"""

PROGRAM = (
    """trap '' TERM; echo '{"n":1,"uid":'$(id -u)',"groups":"'$(id -Gn)'"}'; sleep 1000 & echo '{"n":'$!'}'; wait"""
)


class Sent:
    """A source that is sent records, in this process."""

    def __init__(self, folder):
        self._held = Port()
        (folder / "rules.yaml").write_text(RULES)
        (folder / "key").write_text("sesame\n")
        source = {
            "name": "app", "open_params": f"http://127.0.0.1:{self._held.number}/in", "time": "at", "records": "items",
            "signature_key_file": str(folder / "key"), "signature_header": "X-Signature",
        }  # fmt: skip
        settings = {"sources": [source]}
        self.pipeline = Pipeline(falcohost_json.plugin, [folder / "rules.yaml"], settings, folder / "state")

    def post(self, body, key=b"sesame", **headers):
        """Send *body*, signed with *key*; return the status."""
        signature = hmac.new(key, body, hashlib.sha256).hexdigest()
        shown = {"Content-Type": "application/json", "X-Signature": signature} | headers
        connection = http.client.HTTPConnection("127.0.0.1", self._held.number, timeout=PATIENCE)
        connection.request("POST", "/in", gzip.compress(body) if headers else body, shown)
        status = connection.getresponse().status
        connection.close()
        return status

    def close(self):
        """End it."""
        self.pipeline.kill()
        self._held.close()


@pytest.fixture
def sent(tmp_path):
    """Return a source that is sent records."""
    sent = Sent(tmp_path)
    yield sent
    sent.close()


def test_sent(sent):
    """Every form of a body is taken if it is signed; an event with a time is one however often it is sent."""
    records = [b'{"at":%d,"n":%d}' % (1772366400 + n, n) for n in range(6)]
    bodies = [
        records[0], b"[%s,%s]" % (records[1], records[2]), b"%s\n%s\n" % (records[3], records[4]),
        b'{"items":[%s]}' % records[5],
    ]  # fmt: skip

    assert [sent.post(body) for body in bodies] == [200] * 4
    assert [sent.post(body, **{"Content-Encoding": "gzip"}) for body in bodies] == [200] * 4
    assert sent.post(records[0], key=b"guessed") == 401
    expected = [f"2026-03-01T12:00:0{n}.000000000+0000 n={n} uid=<NA> <NA>" for n in range(6)]
    assert sent.pipeline.messages == expected
    assert [sent.post(b'{"n":7}') for _ in range(2)] == [200, 200]
    assert len(sent.pipeline.messages) == 8


@pytest.fixture
def printing(tmp_path, request):
    """Return an agent with a source that a program prints; a parameter has more of its settings."""
    (tmp_path / "rules.yaml").write_text(RULES)
    source = {"name": "app", "program": PROGRAM, "groups": ["daemon"], **getattr(request, "param", {})}
    block = {"name": "json", "init_config": {"sources": [source]}}
    settings = {"plugins": [block], "load_plugins": ["json"], "engine": {"kind": "nodriver"}}
    agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings)
    yield agent
    agent.kill()


def names_of(uid):
    """Yield the names of all processes of the user *uid*."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == uid:
                yield (folder / "comm").read_text().strip()


def test_printed(printing):
    """The program runs without root's rights, not as the worker's user, and ends with the worker, however that ends."""
    first = printing.wait_for(lambda alert: alert["output_fields"].get("json.value[/uid]"))
    uid = int(first["output_fields"]["json.value[/uid]"])
    assert "daemon" in first["output_fields"]["json.value[/groups]"].split() or os.geteuid() != 0
    assert uid not in (0, 65534) if os.geteuid() == 0 else uid == os.geteuid()
    if os.geteuid() == 0:
        assert {"sh", "sleep"} >= set(names_of(uid)) > set()
    second = printing.wait_for(lambda alert: alert not in [first])
    pid = second["output_fields"]["json.value[/n]"]
    assert Path(f"/proc/{pid}").exists()

    os.kill(printing.process.pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


LEAVES = """setsid sh -c 'trap "" TERM; sleep 1000 & wait' & echo '{"n":1,"uid":'$(id -u)'}'; sleep 1000"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("printing", [{"program": LEAVES}], indirect=True)
def test_what_it_leaves(printing):
    """What the program has started in a session of its own is ended, even if what keeps the program is killed."""
    fields = printing.wait_for(lambda alert: alert["output_fields"].get("json.value[/uid]"))["output_fields"]
    user = int(fields["json.value[/uid]"])
    (keeper,) = (int(folder.name) for folder in Path("/proc").glob("[0-9]*") if is_keeper_of(folder, printing))

    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: "is killed" in printing.log, lambda: printing.log)
    wait_until(lambda: len(printing.alerts) > 1, lambda: printing.log)  # it runs again
    assert user == int(printing.alerts[-1]["output_fields"]["json.value[/uid]"])
    printing.process.terminate()
    printing.process.wait(60)
    assert [] == [*names_of(user)]


def is_keeper_of(folder, agent):
    """Return whether the process in this folder of /proc keeps a program of *agent*."""
    with contextlib.suppress(OSError):
        if (folder / "comm").read_text() == "falcohost-keep\n":
            worker = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            return int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1]) == agent.process.pid
    return False


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"open_params": "https://127.0.0.1:1/in"}, ConfigError, "needs certificate"),
        ({"open_params": "http://127.0.0.1/in"}, SourceError, "has no port"),
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


WHO = """echo '{"n":1,"uid":'$(id -u)',"groups":"'$(id -Gn)'"}'; sleep 1000"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("printing", [{"user": "games", "program": WHO}], indirect=True)
def test_printed_as_a_user(printing):
    """The program runs as the user that the settings name, in that user's main group and the further ones."""
    fields = printing.wait_for(lambda alert: alert["output_fields"].get("json.value[/uid]"))["output_fields"]

    assert str(pwd.getpwnam("games").pw_uid) == str(fields["json.value[/uid]"])
    assert {"games", "daemon"} == set(fields["json.value[/groups]"].split())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("printing", [{"user": "nosuchuser"}], indirect=True)
def test_a_user_that_is_not_there(printing):
    """A user that does not exist is told."""
    wait_until(lambda: "the user nosuchuser, as whom the source is to run, does not exist" in printing.log)
