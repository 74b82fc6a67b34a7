"""The audit log of EKS, in CloudWatch Logs: what is read, late or not, each once, whatever is killed."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from functools import partial

import pytest

from falcohost import ConfigError, Plan, SourceError
from falcohost.host.plugins import load_plugins
from falcohost.poll import PollInput
from falcohost.testing.clock import ManualClock
from falcohost.testing.kills import KILLS, Killed, kill_often
from falcohost.testing.waiting import wait_until
from falcohost_k8saudit import cloudwatch, plugin
from falcohost_k8saudit.source import LOG, make_source

CLUSTER = "prod"
GROUP = f"/aws/eks/{CLUSTER}/cluster"
STREAMS = ("kube-apiserver-audit-1", "kube-apiserver-audit-2")

RULES = """
- rule: asked
  desc: d
  condition: ka.verb exists
  output: '%ka.auditid'
  priority: INFO
  source: k8s_audit
"""


def event(ident):
    """Return an audit event with the id *ident*, as a line."""
    return json.dumps({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": str(ident),
        "stage": "ResponseComplete", "requestURI": "/api/v1/pods", "verb": "list", "user": {"username": "u"},
        "stageTimestamp": "2026-11-25T12:00:00.000000Z",
    })  # fmt: skip


class LogGroup:
    """The log group of a cluster."""

    def __init__(self, aws):
        self.client = aws.client("logs")
        self.client.create_log_group(logGroupName=GROUP)
        for stream in STREAMS:
            self.client.create_log_stream(logGroupName=GROUP, logStreamName=stream)

    def put(self, *messages, stream=0, age=0.0):
        """Put messages there that are some seconds old."""
        at = int((time.time() - age) * 1000)
        events = [{"timestamp": at, "message": message} for message in messages]
        self.client.put_log_events(logGroupName=GROUP, logStreamName=STREAMS[stream], logEvents=events)


@pytest.fixture
def group(aws):
    """Return the log group."""
    return LogGroup(aws)


class Reader:
    """The source with some settings."""

    def __init__(self, settings, cursor=None):
        self._clock = ManualClock()
        self.source = make_source(settings, self._clock)
        self.source.open(Plan(source=LOG.source), cursor)
        self.cursor = cursor
        self._batches = iter(self.source.batches())

        self._ids = []

    def read(self, count):
        """Return the ids of *count* events."""
        return self.read_until(lambda: len(self._ids) >= count)

    def read_until(self, is_so):
        """Return the ids of the events that come until something *is_so*."""

        def is_so_now():
            self._next()
            return is_so()

        wait_until(is_so_now, lambda: self._ids)
        ids, self._ids = self._ids, []
        return ids

    def close(self):
        """Read no more."""
        self.source.close()

    def _next(self):
        self._clock.advance(1)  # to the next look
        batch = next(self._batches)
        self._ids += [event.record["auditID"] for event in batch.events]
        self.cursor = batch.cursor or self.cursor


@pytest.fixture
def read(aws, monkeypatch, close_later):
    """Return a function that opens the source with Falco's block for EKS; a second passes with each batch."""
    monkeypatch.setattr(cloudwatch, "PollInput", partial(PollInput, idle=0.02))

    def read(cursor=None, **block):
        usual = {"open_params": CLUSTER, "aws": aws.settings, "polling_interval": 1, "shift": 3600}
        return close_later(Reader({"k8saudit-eks": usual | block}, cursor))

    return read


def test_followed(group, read):
    """Events of all streams are read as they come, those that are late as well, each once."""
    group.put(event("a"), event("b"), age=600)
    group.put(event("c"), stream=1, age=500)
    source = read()
    assert ["a", "b", "c"] == sorted(source.read(3))

    group.put(event("d"))
    group.put(event("near"), stream=1, age=5)
    assert ["d", "near"] == sorted(source.read(2))
    group.put(event("last"))
    assert ["last"] == source.read(1)  # in the look that has seen all of them once more


def test_late(group, read, monkeypatch):
    """An event that is older than the ordinary look goes back is read by the one that goes back further."""
    monkeypatch.setattr(cloudwatch, "_DEEP", 500)
    group.put(event("a"))
    source = read(overlap=12)
    assert ["a"] == source.read(1)
    group.put(event("late"), stream=1, age=11.5)
    assert ["late"] == source.read(1)


def test_pages(group, read, monkeypatch):
    """More than one answer can hold is read page by page."""
    ask = cloudwatch.LogEvents._ask
    monkeypatch.setattr(cloudwatch.LogEvents, "_ask", lambda self, **what: ask(self, **{"limit": 7} | what))
    for number in range(60):
        group.put(event(number), stream=number % 2, age=600 - number)

    assert list(map(str, range(60))) == read().read(60)


def test_goes_on(group, read):
    """From its cursor it is read on: what is read again are the same events, and what came meanwhile is not missed."""
    group.put(event("old"), age=3000)
    group.put(event("a"), age=30)
    source = read()
    assert ["old", "a"] == source.read(2)
    group.put(event("b"))
    group.put(event("late"), stream=1, age=200)

    again = read(cursor=source.cursor)
    found = set()
    while not {"b", "late"} <= found:
        found |= set(again.read(1))
    assert found <= {"a", "b", "late"}


def test_begins_now(group, read):
    """Without a cursor it begins as long ago as Falco's shift says."""
    group.put(event("before"), age=60)
    source = read(shift=1)
    source.read_until(lambda: source.cursor)
    group.put(event("a"))

    assert ["a"] == source.read(1)


def test_what_it_connects_to(aws, group, read):
    """It connects to its endpoint and to what hands out credentials, and to no other address."""
    named = read().source.needs.connects

    assert {aws.url.removeprefix("http://"), "169.254.169.254:80"} <= set(named)
    assert not any(address.startswith("*") for address in named)


def test_what_is_no_event(group, read):
    """Truncated events, and texts that are no events, are counted; the others are read."""
    group.put(event("a")[:60] + "[Truncated...]", "I1125 no JSON", event("b"), age=30)
    source = read()

    assert ["b"] == source.read(1)
    assert {"event truncated by CloudWatch Logs": 1, "not JSON": 1} == dict(source.source.stats().dropped)


def test_no_group(aws, read, caplog):
    """A group that is not there is waited for, and told by log and doctor."""
    source = read()
    assert [] == source.read_until(lambda: caplog.text)
    text = "cloudwatch:///aws/eks/prod/cluster: the log group does not exist in this region"
    assert text in caplog.text
    settings = {"k8saudit-eks": {"open_params": CLUSTER, "aws": aws.settings}}
    (spec,) = plugin.falcohost_sources(settings)
    ((_, problem),) = spec.check(settings)
    assert problem.startswith(text)

    group = LogGroup(aws)
    assert [("events can be read from CloudWatch Logs", None)] == list(spec.check(settings))
    group.put(event("a"), age=30)
    assert ["a"] == source.read(1)


def test_denied(aws, group, read, monkeypatch, caplog):
    """A permission that is missing is named."""
    iam = aws.client("iam")
    iam.create_user(UserName="falcohost")
    made = iam.create_access_key(UserName="falcohost")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])
    source = read()
    aws.enforce()

    assert [] == source.read_until(lambda: caplog.text)
    assert "the user or role needs the permission logs:FilterLogEvents" in caplog.text


def test_any_group(aws, group):
    """A group may be named in full, in the plugin's own block."""
    group.put(event("a"), age=30)
    own = {"aws": aws.settings, "shift": 60, "log_stream_prefix": STREAMS[0]}
    source = Reader({"open_params": f"cloudwatch://{GROUP}"} | own)

    assert ["a"] == source.read(1)
    source.source.close()


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        (
            {"k8saudit-eks": {}},
            ConfigError,
            "plugin 'k8saudit-eks': open_params is empty; set it to the name of the cluster",
        ),
        (
            {"open_params": "cloudwatch://"},
            ConfigError,
            "names no log group; use cloudwatch:///aws/eks/CLUSTER/cluster",
        ),
        ({"open_params": "cloudwatch://g", "overlap": 1}, ConfigError, "overlap has to be a whole number from 10"),
        ({"open_params": "cloudwatch://g"}, SourceError, "the region is not set; set aws.region"),
    ],
)
def test_settings_that_cannot_be(aws, monkeypatch, settings, error, text):
    """A mistake in a setting is explained in a sentence."""
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(error) as raised:
        Reader(settings)

    assert text in str(raised.value)


def test_falco_s_plugin_by_its_name():
    """Falco's load_plugins may name its plugin for EKS, and nothing else."""
    found, always = ({one.name for one in load_plugins(names).loaded} for names in (["k8saudit-eks"], []))

    assert {"k8saudit"} == found - always


class Cluster(threading.Thread):
    """Writes numbered events into both streams, some of them late."""

    def __init__(self, put):
        super().__init__(daemon=True)
        self._put = put
        self.count = 0
        self.over = threading.Event()

    def run(self):
        """Write until it is over."""
        dice = random.Random(4)
        while not self.over.wait(dice.uniform(0, 0.2)):
            first, self.count = self.count, self.count + dice.randint(1, 20)
            late = dice.choice([0, 0, 0, 3, 15])
            self._put(*map(event, range(first, self.count)), stream=dice.randint(0, 1), age=late)


def test_nothing_is_lost_or_doubled_by_kills(aws, group, tmp_path, soak):
    """Worker and supervisor are killed at any moment while events come: each alert is stored, and stored once."""
    (tmp_path / "rules.yaml").write_text(RULES)
    init_config = {"polling_interval": 1, "shift": 60, "overlap": 30, "use_async": False, "buffer_size": 500}
    block = {"name": "k8saudit-eks", "library_path": "libk8saudit-eks.so", "open_params": CLUSTER}
    plugins = [block | {"init_config": init_config | {"aws": aws.settings}}, {"name": "json", "init_config": ""}]
    settings = {"plugins": plugins, "load_plugins": ["k8saudit-eks", "json"], "engine": {"kind": "nodriver"}}
    killed = Killed(tmp_path, [tmp_path / "rules.yaml"], settings)
    cluster = Cluster(group.put)
    try:
        cluster.start()
        kill_often(killed, soak(*KILLS), random.Random(1))
        cluster.over.set()
        cluster.join()
        killed.wait_until_stored(Counter(map(str, range(cluster.count))))
        group.put(event("last"))
        expected = Counter(["last", *map(str, range(cluster.count))])
        killed.wait_until_stored(expected)
        assert 0 == killed.agent.stop()
    finally:
        cluster.over.set()
        killed.agent.kill()
    stored = killed.stored()

    assert [] == sorted(expected - stored)
    assert [] == sorted(stored - expected)
    assert cluster.count > 50
