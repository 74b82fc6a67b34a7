"""A lookup adds to the records of a log; its answers do not wait for the next record."""

import socket
import time
from types import SimpleNamespace

import msgspec
import pytest

import falcohost_json.plugin
from falcohost import Field, FieldType, hookimpl
from falcohost.lookups import AskedLookup, LookupSpec
from falcohost.port import SocketPort
from falcohost.testing.pipeline import Pipeline
from falcohost.testing.waiting import SLOWNESS, wait_until

RULES = """
- rule: Owned
  desc: Fires on records of machines that somebody owns.
  condition: host.owner exists
  output: "%json.value[/host] is of %host.owner"
  priority: INFO
  source: app
"""
HOSTS = ("web", "db", "mail")


class Owner(msgspec.Struct, array_like=True):
    """Says whose a machine is."""

    host: str
    owner: str


@pytest.fixture
def owners():
    """Return a plugin with a lookup that asks through a socket, and the other end of the socket."""
    here, there = socket.socketpair()
    spec = LookupSpec(
        name="owners",
        description="Knows whose machines are.",
        key={"app": ("json.value[/host]",)},
        make=lambda settings: AskedLookup(
            SocketPort(here, Owner), lambda key: key[0], lambda owner: ((owner.host,), owner.owner)
        ),
        fields=[
            Field(name="host.owner", type=FieldType.CHARBUF, description="Its owner.", get=lambda row, arg: row),
        ],
    )
    with there:
        yield SimpleNamespace(__name__="owners", falcohost_lookups=hookimpl(lambda: [spec])), there


@pytest.fixture
def idle(monkeypatch):
    """Have a file that is followed looked at every three seconds only."""
    monkeypatch.setattr("falcohost.jsonlog.follow._LOOK", 3.0)


def test_an_answer_is_told_at_once(owners, idle, tmp_path):
    """The alert follows the answer in less than 50 ms, while the source waits for the next record."""
    plugin, there = owners
    (tmp_path / "rules.yaml").write_text(RULES)
    log = tmp_path / "log"
    log.write_text("".join(f'{{"host":"{host}"}}\n' for host in HOSTS))
    source = {"name": "app", "open_params": str(log), "follow": True}
    pipeline = Pipeline(
        falcohost_json.plugin, [tmp_path / "rules.yaml"], {"sources": [source]}, tmp_path / "state", beside=[plugin]
    )
    there.recv(1 << 16)  # the questions
    times = []
    for count, host in enumerate(HOSTS, 1):
        body = msgspec.msgpack.encode(Owner(host, "ann"))
        time.sleep(0.1)
        before = time.monotonic()
        there.sendall(len(body).to_bytes(4, "little") + body)
        wait_until(lambda count=count: len(pipeline.messages) >= count)
        times.append(time.monotonic() - before)

    assert [f"{host} is of ann" for host in HOSTS] == pipeline.messages
    assert min(times) < 0.05 * SLOWNESS
    pipeline.stop()
