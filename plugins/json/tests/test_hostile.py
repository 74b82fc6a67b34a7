"""Hostile senders and writers against the whole agent: counted, in bounded memory, and the next one is served."""

import contextlib
import gzip
import http.client
import os
import socket
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from falcohost.host.connection import Connection
from falcohost.jsonlog.refusals import BAD_GZIP, GZIP_BOMB, NOT_JSON, TOO_DEEP, TOO_LARGE
from falcohost.testing.agent import Agent
from falcohost.testing.ports import Port
from falcohost.testing.waiting import PATIENCE, wait_until

MIB = 1 << 20

#: What the process of a source may have taken at most: some 50 MiB of these are Python and falcohost.
MEMORY = 350 * MIB

SOURCES = ("read", "followed", "sent", "printed")

RULES = "".join(
    f"""
- rule: {name}
  desc: Fires on every record with a number.
  condition: json.value[/n] exists
  output: "%json.value[/n]"
  priority: INFO
  source: {name}
"""
    for name in SOURCES
)

DEEP = b'{"n":' + b"[" * 10_000 + b"]" * 10_000 + b"}"

#: Records that are served, whatever is odd about them: their text, and their time.
ODD = [b'{"n":2,"x":"\xff\xfe"}', b'{"n":3,"at":"2999-01-01T00:00:00Z"}', b'{"n":4,"at":"2200-01-01T00:00:00Z"}',
       b'{"n":5,"at":[]}', b'{"n":6,"x":"\\ud800","at":"1601-01-01T00:00:00Z"}']  # fmt: skip

TRUNCATED = gzip.compress(b"".join(b'{"m":"%s"}\n' % os.urandom(100).hex().encode() for _ in range(1000)))[:-1000]


def bomb():
    """Return 200 MiB of blanks, packed."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * MIB) for _ in range(200)) + packer.flush()


def write_log(path):
    """Write a log in which every other line is hostile."""
    with path.open("wb") as file:
        file.write(b'{"n":1}\n' + DEEP + b"\n" + b"\n".join(ODD) + b'\nno JSON\n{"n":7,"x":"')
        for _ in range(100):
            file.write(b"x" * MIB)
        file.write(b'"}\n{"n":8}\n')


class Attacked:
    """An agent with a source for each input, in *folder*."""

    def __init__(self, folder):
        self.held = Port()
        self.port = self.held.number
        (folder / "rules.yaml").write_text(RULES)
        for name in ("logs", "followed"):
            (folder / name).mkdir()
        write_log(folder / "logs" / "log")
        (folder / "logs" / "bomb.gz").write_bytes(bomb())
        (folder / "logs" / "cut.gz").write_bytes(TRUNCATED)
        opened = {
            "read": {"open_params": str(folder / "logs")},
            "followed": {"open_params": str(folder / "followed"), "follow": True},
            "sent": {"open_params": f"http://127.0.0.1:{self.port}/in"},
            "printed": {"program": f"cat {folder}/logs/log; sleep 1000"},
        }
        sources = [{"name": name, "time": "at", **more} for name, more in opened.items()]
        settings = {
            "plugins": [{"name": "json", "init_config": {"sources": sources}}],
            "load_plugins": ["json"],
            "engine": {"kind": "nodriver"},
        }
        self.folder = folder
        self.agent = Agent(folder, [folder / "rules.yaml"], settings=settings)
        self.agent.wait_until_ready()

    def numbers(self, source):
        """Return the numbers of the records of *source* that there were alerts about."""
        return [alert["output_fields"]["json.value[/n]"] for alert in self.agent.alerts if alert["source"] == source]

    def lost(self, source):
        """Return what the agent has counted as lost of *source*."""
        connection = Connection(self.folder / "state")
        with contextlib.closing(connection):
            (found,) = [one for one in connection.ask().sources if one.state.name == source]
            return dict(found.numbers.dropped)

    def memory(self):
        """Return the most memory that each of the agent's processes has had."""
        pid = self.agent.process.pid
        for process in [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]:
            with contextlib.suppress(OSError, IndexError):  # one that has ended has none
                status = Path(f"/proc/{process}/status").read_text()
                yield int(status.partition("VmHWM:")[2].split()[0]) << 10

    def post(self, body, **headers):
        """Send *body*; return the status, None if it was cut off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        shown = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        with contextlib.closing(connection):
            try:
                connection.request("POST", "/in", body, shown)
                return connection.getresponse().status
            except ConnectionError:
                return None

    def check(self, source, served, lost):
        """Wait until *source* has served and lost so much, and see that nothing else happened."""
        wait_until(
            lambda: (self.numbers(source), self.lost(source)) == (served, lost),
            lambda: (self.numbers(source), self.lost(source)),
        )
        assert "Traceback" not in self.agent.log
        assert max(self.memory()) < MEMORY


@pytest.fixture(scope="module")
def attacked():
    """Return an agent, of which each test uses other sources, in a folder that a program without rights can read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        attacked = Attacked(Path(folder))
        yield attacked
        attacked.agent.kill()
        attacked.held.close()


SERVED = ["1", "2", "3", "4", "5", "6", "8"]
LOST = {NOT_JSON: 1, TOO_DEEP: 1, TOO_LARGE: 1}


def test_hostile_logs(attacked):
    """In files that are read or followed, and in what a program prints, all that is hostile is counted."""
    write_log(attacked.folder / "followed" / "log")
    packed = {GZIP_BOMB: 1, BAD_GZIP: 1}

    attacked.check("read", SERVED, LOST | packed)
    attacked.check("printed", SERVED, LOST)
    attacked.check("followed", SERVED, LOST)
    (attacked.folder / "followed" / "bomb.gz").write_bytes(bomb())
    (attacked.folder / "followed" / "cut.gz").write_bytes(TRUNCATED)
    attacked.check("followed", SERVED, LOST | packed)
    (attacked.folder / "followed" / "next").write_bytes(b'{"n":9}\n')
    attacked.check("followed", [*SERVED, "9"], LOST | packed)


def test_hostile_senders(attacked):
    """A listener refuses with a status, counts what will not come again, and serves everybody else."""
    slow = [socket.create_connection(("127.0.0.1", attacked.port)) for _ in range(200)]
    for sender in slow:
        sender.sendall(b"POST /in HTTP/1.1\r\nHost: x\r\n")

    assert attacked.post(b'{"n":1}') == 200
    assert [attacked.post(body) for body in (DEEP, b"no JSON", b"x" * 100 * MIB)] == [400, 400, None]
    assert attacked.post(iter([b"x" * MIB] * 40)) == 413
    packed = [attacked.post(body, Content_Encoding="gzip") for body in (TRUNCATED, bomb())]
    assert packed == [400, 413]
    assert attacked.post(b'{"n":7}', Content_Type="text/plain") == 415
    assert [attacked.post(body) for body in ODD] == [200] * 5
    with ThreadPoolExecutor(50) as senders:
        assert set(senders.map(attacked.post, [b'{"m":1}'] * 1000)) == {200}
    assert attacked.post(b'{"n":8}') == 200
    attacked.check("sent", SERVED, {NOT_JSON: 1, TOO_DEEP: 1, TOO_LARGE: 3, BAD_GZIP: 1})
    for sender in slow:
        sender.close()
