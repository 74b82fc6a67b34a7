"""The webhook of an API server: 200 says that the alerts are stored, whatever is killed."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import itertools
import json
import os
import random
import resource
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from falcohost.errors import ConfigError, SourceError
from falcohost.host.storing.process import NAME as STORE
from falcohost.store.history import History, Wanted
from falcohost.testing import skip_or_fail
from falcohost.testing.agent import Agent
from falcohost.testing.certificates import self_signed
from falcohost.testing.kills import KILLS, kill_often
from falcohost.testing.pipeline import Pipeline
from falcohost.testing.ports import Port
from falcohost.testing.waiting import PATIENCE
from falcohost_k8saudit import plugin
from falcohost_k8saudit.source import make_source

RULES = """
- rule: asked
  desc: d
  condition: ka.verb exists and not ka.verb in (watch, list)
  output: '%ka.auditid %ka.stage %ka.verb %ka.user.name'
  priority: INFO
  source: k8s_audit
"""


def event(audit_id, verb="get", stage="ResponseComplete", **more):
    """Return an event as an API server sends it in a list."""
    now = "2026-11-25T15:00:00.000001Z"
    return {
        "level": "Metadata", "auditID": audit_id, "stage": stage, "requestURI": "/api/v1/namespaces/default/pods",
        "verb": verb, "user": {"username": "u", "groups": ["system:authenticated"]}, "sourceIPs": ["10.0.0.1"],
        "objectRef": {"resource": "pods", "namespace": "default", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200}, "requestReceivedTimestamp": now, "stageTimestamp": now,
    } | more  # fmt: skip


def event_list(events):
    """Return the body that an API server posts (audit.k8s.io/v1)."""
    return json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": events}).encode()


class Webhook:
    """Where an API server sends its log, in *folder*."""

    def __init__(self, folder: Path, scheme="http", **init_config):
        self._held = Port()
        self._folder, self._init_config = folder, init_config
        self.address = f"{scheme}://localhost:{self._held.number}/k8s-audit"
        self._rules = folder / "rules.yaml"
        self._rules.write_text(RULES)

    def post(self, body, **headers):
        """Send *body* as an API server does; return the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self._held.number, timeout=PATIENCE)
        shown = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        try:
            connection.request("POST", "/k8s-audit?timeout=30s", body, shown)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def stored(self):
        """Return the messages of the source's alerts that are stored, with those that are stored twice twice."""
        history = History(self._folder / "state")
        try:
            return [alert.message for alert in history.alerts(Wanted(source="k8s_audit"))]
        finally:
            history.close()

    def close(self):
        """End it in any case."""
        self._held.close()


class InProcess(Webhook):
    """Source, rules and store in this process."""

    def __init__(self, *given, **init_config):
        super().__init__(*given, **init_config)
        settings = self._init_config | {"open_params": self.address}
        self.pipeline = Pipeline(plugin, [self._rules], settings, self._folder / "state")

    def close(self):
        """End it in any case."""
        self.pipeline.kill()
        super().close()


class Hook(Webhook):
    """An agent; it can be killed and begun again."""

    def __init__(self, *given, **init_config):
        super().__init__(*given, **init_config)
        self.begin()

    def begin(self):
        """Start the agent."""
        block = {"name": "k8saudit", "library_path": "libk8saudit.so", "init_config": self._init_config}
        settings = {"plugins": [block | {"open_params": self.address}], "load_plugins": ["k8saudit"]}
        self.agent = Agent(self._folder, [self._rules], settings=settings)
        self.agent.wait_until_ready()

    def close(self):
        """End it in any case."""
        self.agent.kill()
        super().close()


@pytest.fixture
def hook(tmp_path, close_later):
    """Return a function that starts an agent with a webhook."""
    return lambda *scheme, **init_config: close_later(Hook(tmp_path, *scheme, **init_config))


@pytest.fixture(scope="module")
def shared_hook(tmp_path_factory):
    """Return an agent with a webhook that tests share which only send to it."""
    shared = Hook(tmp_path_factory.mktemp("shared"))
    yield shared
    shared.close()


@pytest.fixture
def webhook(tmp_path, monkeypatch, close_later):
    """Return a function that has a webhook in this process."""
    monkeypatch.setattr("falcohost.web.inbox.IDLE", 0.02)
    return lambda *scheme, **init_config: close_later(InProcess(tmp_path, *scheme, **init_config))


def test_forms(webhook):
    """An event, a list, an array and lines are taken, packed or not; what is no audit event among them is left out."""
    served = webhook()
    single = json.dumps({"kind": "Event", "apiVersion": "audit.k8s.io/v1"} | event("a")).encode()

    assert served.post(single) == 200
    assert served.post(event_list([event("b"), event("c", "list"), {"kind": "Pod", "verb": "get"}, event("d")])) == 200
    assert served.post(json.dumps([event("e"), 5]).encode()) == 200
    assert served.post(b"\n".join(json.dumps(event(name)).encode() for name in "fg")) == 200
    assert served.post(gzip.compress(event_list([event("h")])), Content_Encoding="gzip") == 200
    assert list("abdefgh") == [message[0] for message in served.stored()]


def test_an_answer_means_stored(webhook):
    """At the moment of the answer the alerts are in the store."""
    served = webhook()
    for number in range(50):
        assert served.post(event_list([event(f"id-{number}")])) == 200
        assert len(served.stored()) == number + 1


def test_sent_again(webhook):
    """A body that is sent again, also after a restart, doubles nothing; a stage, or any other difference, is news."""
    served = webhook()
    body = event_list([event("a"), event("b")])
    for _ in range(3):
        assert served.post(body) == 200
    served.pipeline.stop()
    served.pipeline.begin()
    assert served.post(body) == 200
    assert served.post(event_list([event("a", stage="ResponseStarted")])) == 200
    # Whoever asks may choose the auditID (the header Audit-ID), and must not hide behind that of another request.
    assert served.post(event_list([event("a", "delete")])) == 200

    shown = [" ".join(message.split()[:3]) for message in served.stored()]
    complete, started = "ResponseComplete", "ResponseStarted"
    assert [f"a {complete} get", f"b {complete} get", f"a {started} get", f"a {complete} delete"] == shown


def test_settings(webhook, tmp_path, caplog):
    """The token of a file is asked for, and a batch may be as large as Falco's setting says."""
    (tmp_path / "token").write_text("s3cret\n")
    served = webhook(tokenFile=str(tmp_path / "token"), webhookMaxBatchSize=5000)
    body = event_list([event("a")])

    assert served.post(body) == 401
    assert served.post(body, Authorization="Bearer wrong") == 401
    assert served.post(body, Authorization="Bearer s3cret") == 200
    assert served.post(event_list([event("b")] * 20), Authorization="Bearer s3cret") == 413
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"allowUnauthenticated": "yes"}, ConfigError, "allowUnauthenticated has to be true or false"),
        ({"webhookMaxBatchSize": 0}, ConfigError, "webhookMaxBatchSize has to be a whole number from 1"),
        ({"tokenFile": "/no/such/file"}, SourceError, "/no/such/file cannot be read"),
        ({"open_params": "http://127.0.0.1/x"}, SourceError, "has no port"),
    ],
)
def test_wrong_settings(settings, error, text):
    """A mistake in a setting is explained in a sentence."""
    with pytest.raises(error) as raised:
        make_source({"open_params": "http://127.0.0.1:9765/x"} | settings)

    assert text in str(raised.value)


def test_unprivileged(shared_hook):
    """The process that talks to senders has no privileges."""
    served = shared_hook
    served.post(event_list([event("unprivileged")]))
    status = Path(f"/proc/{served.agent.worker()}/status").read_text()

    assert "CapEff:\t0000000000000000" in status
    if os.geteuid() == 0:
        assert int(status.partition("Uid:\t")[2].split()[0]) not in (0, 65534)
        threads = Path(f"/proc/{served.agent.worker()}/task").glob("*/status")
        assert all("CapEff:\t0000000000000000" in thread.read_text() for thread in threads)


def limit_files(process, size):
    """Limit the files that a process may write to *size* bytes, as its user, who alone may."""
    user = Path(f"/proc/{process}").stat().st_uid
    if (child := os.fork()) == 0:
        try:
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_a_disk_that_takes_nothing(hook, tmp_path):
    """While nothing can be written nothing is answered; when that is over it is, and what was sent is stored once."""
    served = hook()
    body = event_list([event("a")])
    size = (tmp_path / "state" / "state.db-wal").stat().st_size
    store = served.agent.service(STORE)
    limit_files(store, size)

    with ThreadPoolExecutor(1) as sender:
        answer = sender.submit(lambda: (served.post(body), served.stored()))
        served.agent.wait_for_log(lambda log: "cannot be written" in log)
        assert served.stored() == []
        limit_files(store, resource.RLIM_INFINITY)
        status, stored = answer.result()
    assert (status, len(stored)) in ((200, 1), (503, 0), (503, 1))  # what is answered too early is not stored yet
    assert served.post(body) == 200
    assert ["a"] == [message.split()[0] for message in served.stored()]


class Sender(threading.Thread):
    """Sends *lists* as an API server does: each until it is taken."""

    def __init__(self, hook, lists):
        super().__init__(daemon=True)
        self._hook, self._lists = hook, lists
        self.retries = 0

    def run(self):
        """Send all."""
        for body in self._lists:
            while not self._taken(body):
                self.retries += 1
                time.sleep(0.02)

    def _taken(self, body):
        try:
            return self._hook.post(body) == 200
        except (OSError, http.client.HTTPException):
            return False


@pytest.fixture(scope="module", autouse=True)
def kills(tmp_path_factory, soak):
    """Return what comes of kills while senders send, beside all other tests of this file, since they mostly wait."""
    with (
        contextlib.closing(Hook(tmp_path_factory.mktemp("killed"))) as served,
        ThreadPoolExecutor() as pool,
    ):
        yield pool.submit(kill_while_senders_send, served, soak(*KILLS))


def kill_while_senders_send(served, kills):
    """Kill worker and supervisor at any moment; compare what is stored."""
    names, dice = itertools.count(), random.Random(5)
    over = threading.Event()

    def lists():
        while not over.is_set():
            batch = [f"id-{next(names)}" for _ in range(dice.randint(1, 40))]
            yield event_list([event(name, "get" if number % 3 else "list") for number, name in enumerate(batch)])
            expected.update(name for number, name in enumerate(batch) if number % 3)

    expected: set[str] = set()
    senders = [Sender(served, lists()) for _ in range(4)]
    for sender in senders:
        sender.start()
    kill_often(served, kills, dice)
    over.set()
    for sender in senders:
        sender.join(PATIENCE)
        assert not sender.is_alive()
    assert served.agent.stop() == 0

    stored = [message.split()[0] for message in served.stored()]
    assert sorted(expected) == sorted(stored)
    assert sum(sender.retries for sender in senders) > 0
    assert len(expected) > 100


def curl(folder, *arguments):
    """Run curl as the README says, with what an API server adds; return its status and what it printed."""
    if shutil.which("curl") is None:
        skip_or_fail("curl", "curl is not installed")
    command = ["curl", "-sS", "--fail", "-H", "Content-Type: application/json", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


STORED = (0, '{"message":"stored"}\n')


def test_curl(shared_hook, tmp_path):
    """The README's line to try it with works."""
    served = shared_hook
    (tmp_path / "list.json").write_bytes(event_list([event("a")]))

    assert curl(tmp_path, "--data-binary", "@list.json", served.address) == STORED


def test_an_api_server_over_tls(hook, tmp_path):
    """As an API server sends it, with token and client certificate, a list is taken; without either it is not."""
    for name in ("server", "client"):
        self_signed(tmp_path / f"{name}.pem", "localhost")
    (tmp_path / "token").write_text("s3cret\n")
    served = hook(
        "https", sslCertificate=str(tmp_path / "server.pem"), clientCA=str(tmp_path / "client.pem.crt"),
        tokenFile=str(tmp_path / "token"),
    )  # fmt: skip
    (tmp_path / "list.json").write_bytes(event_list([event("a"), event("b", stage="RequestReceived")]))
    known, token = ["--cacert", "server.pem.crt"], ["-H", "Authorization: Bearer s3cret"]
    shown = ["--cert", "client.pem"]
    sent = ["-H", "Accept: application/json, */*", "-A", "kube-apiserver/v1.31.0 (linux/amd64) kubernetes/9edcffc",
            "--data-binary", "@list.json", f"{served.address}?timeout=30s"]  # fmt: skip

    assert curl(tmp_path, *known, *shown, *token, *sent) == STORED
    assert curl(tmp_path, "--http2", *known, *shown, *token, *sent) == STORED
    assert curl(tmp_path, *known, *shown, *sent)[0] == 22  # 401
    assert curl(tmp_path, *known, *token, *sent)[0] != 0
    assert curl(tmp_path, *shown, *token, *sent)[0] == 60  # it does not know the server
    assert served.stored() == ["a ResponseComplete get u", "b RequestReceived get u"]
    assert "s3cret" not in served.agent.log + served.agent.output


def test_nothing_is_lost_or_doubled_by_kills(kills):
    """Worker and supervisor are killed at any moment while senders send: each alert is stored, and stored once."""
    kills.result()
