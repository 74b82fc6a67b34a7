"""Whatever is killed, and however receivers fail: each stored alert is at each output, and doubles have a reason.

A double is allowed only where the receiver had not answered, or the agent was killed before it had heard the answer.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from string import Template

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.storing.process import NAME as STORE
from falcohost.testing.descendants import below
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import wait_until

#: Kills of one part, and parts, each with a new state and new receivers, in the long and in the short form.
KILLS = 100, 14
PARTS = 10, 1

#: What is killed, in turn; the second supervisor is killed while it starts.
KINDS = ("program", OUTPUTS, "worker", STORE, "falcohost-keep", "supervisor", "supervisor")

#: The names of processes whose kind is called otherwise.
NAMES = {"program": ("sh", "cat"), "worker": ("python", "python3", "falcohost")}

#: Most lines in the pipe to a program, which has room for 4,096 bytes: what a program has read is its own affair.
IN_PIPE = 32

CONFIG = Template("""
json_output: true
falcohost: {json_include_id: true}
outputs:
  posted: {type: http, url: "http://127.0.0.1:$port/", keep_alive: true, concurrency: 3, sources: [numbers, internal]}
  inorder: {type: http, url: "http://127.0.0.1:$port/", keep_alive: true, sources: [others]}
  batches: {type: http, url: "http://127.0.0.1:$port/", format: ecs, batch: 50}
  rotated: {type: file, filename: $folder/rotated, max_size_mb: 0.1, max_files: 100000}
  kept: {type: file, filename: $folder/kept, keep_alive: true}
  runs: {type: program, program: "umask 0; cat >> $folder/runs", sources: [others]}
  piped: {type: program, keep_alive: true, program: "umask 0; cat >> $folder/piped"}
""")

#: Most alerts that are in requests at the same moment.
AT_ONCE = {"posted": 3, "inorder": 1, "batches": 50}


class Double:
    """A receiver that fails at random: 500, a reset, no answer in time, or a late one.

    :ivar attempts: by URL path and id, for each request with it whether it was answered, and the digest of what it had.
    """

    def __init__(self, dice, timeouts):
        self.attempts = defaultdict(lambda: defaultdict(list))
        self.requests = Counter()
        self._dice, self._timeouts = dice, timeouts
        self._lock = threading.Lock()
        self.failing = True
        self.server = Receiver()
        self.server.answer = self._answer

    def _answer(self, body):
        self.server.requests.clear()
        found = json.loads(body)
        several = isinstance(found, list)
        alerts = found if several else [found]
        ids = [one["event"]["id"] if several else one["id"] for one in alerts]
        path = "batches" if several else "inorder" if found["source"] == "others" else "posted"
        how, status = self._choose()
        with self._lock:
            self.requests[how] += 1
            for one, alert in zip(ids, alerts, strict=True):
                digest = hashlib.sha256(json.dumps(alert).encode()).digest()[:8]
                self.attempts[path][one].append((status == 200, digest))
        if how == "late":
            time.sleep(self._dice.uniform(0.02, 0.3))
        elif how == "time-out":
            time.sleep(40)  # longer than the output waits
        return status, {}, b""

    def _choose(self):
        """Return how this request is answered, and the status: 0 for a connection that is reset without one."""
        with self._lock:
            chance = self._dice.random() if self.failing else 1.0
        for how, share, status in (("500", 0.02, 500), ("reset", 0.02, 0), ("time-out", self._timeouts, 0)):
            if chance < share:
                return how, status
            chance -= share
        return ("late", 200) if chance < 0.02 else ("well", 200)

    def received(self, path):
        """Return the ids that were answered with 200."""
        return {one for one, tries in list(self.attempts[path].items()) if any(well for well, _ in tries)}

    def doubles(self, path):
        """Return how many alerts came again although an answer had been sent, and after an attempt without one."""
        answered = unanswered = 0
        for tries in self.attempts[path].values():
            if len(tries) > 1:
                again = sum(well for well, _ in tries) - 1
                answered += max(again, 0)
                unanswered += len(tries) - 1 - max(again, 0)
        return answered, unanswered


class Killed:
    """An agent of which one process after the other is killed."""

    def __init__(self, home, arguments, dice):
        self._home, self._arguments, self._dice = home, arguments, dice
        self.kills = Counter()
        self._turn = 0
        self.agent = home.agent(*arguments)

    def kill(self):
        """Kill a process of the next kind, as soon as there is one."""
        kind = KINDS[self._turn % len(KINDS)]
        self._turn += 1
        wait_until(lambda: self._found(kind), lambda: self.agent.stderr)
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(self._dice.choice(self._found(kind)), signal.SIGKILL)
            self.kills[kind] += 1
        if kind == "supervisor":
            self.agent.wait()
            self.agent = self._home.agent(*self._arguments)

    def _found(self, kind):
        """Return the process ids of the agent's processes of a kind."""
        if kind == "supervisor":
            return [self.agent.process.pid]
        return [pid for pid, name in below(self.agent.process.pid).items() if name in NAMES.get(kind, (kind,))]


@pytest.fixture
def shared():
    """Return a folder in which everybody may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture
def double(soak):
    """Return the receiver."""
    double = Double(random.Random(soak(None, 1)), soak(0.0003, 0.0))
    yield double
    double.server.close()


def lines(*files):
    """Return the ids in lines of JSON of these files, in their order, and how many lines are no whole JSON."""
    found, broken = [], 0
    for line in (line for file in files if file.exists() for line in file.read_text().splitlines()):
        try:
            found.append(json.loads(line)["id"])
        except ValueError:
            broken += 1
    return found, broken


def pytest_generate_tests(metafunc):
    """Make as many tests as there are parts, so that each says what has come of it."""
    metafunc.parametrize("part", range(PARTS[not metafunc.config.getoption("soak")]))


@pytest.mark.timeout(4 * 3600)
def test_kills(home, setup, falcohost, double, shared, soak, part):
    """No stored alert is missing at any output, and no number in the store; doubles are those of the last moment."""
    seed = soak(random.randrange(10_000), 4)
    dice, begun = random.Random(seed), time.monotonic()
    numbers = {"interval": 0.01, "cursor": True}
    config = CONFIG.substitute(port=double.server.port, folder=shared)
    arguments = setup(config, numbers=numbers, others=numbers | {"interval": 0.2})
    killed = Killed(home, arguments, dice)
    killed.agent.wait_for("Ready after")
    while killed.kills.total() < soak(*KILLS):
        time.sleep(0.8 * dice.random())
        killed.kill()
    double.failing = False
    stored = [json.loads(line) for line in falcohost("alerts", "--json").stdout.splitlines()]
    wanted = {one["id"] for one in stored}
    others = {one["id"] for one in stored if one["source"] == "others"}

    def arrived():
        rotated = [*sorted(shared.glob("rotated.*")), shared / "rotated"]
        return {
            "posted": double.received("posted") | double.received("inorder"),
            "batches": double.received("batches"),
            "rotated": set(lines(*rotated)[0]),
            "kept": set(lines(shared / "kept")[0]),
        } | {"inorder": double.received("inorder"), "runs": set(lines(shared / "runs")[0])}

    def missing():
        return {
            name: len(left)
            for name, ids in arrived().items()
            if (left := (others if name in ("inorder", "runs") else wanted) - ids)
        }

    while left := missing():  # as long as it becomes less, since there may be much
        wait_until(lambda: missing() != left, lambda: f"seed {seed}, missing: {missing()}; {killed.agent.stderr}")
    killed.agent.end()
    deadly = sum(count for kind, count in killed.kills.items() if kind != "program")
    took = time.monotonic() - begun
    print(f"part {part}, seed {seed}: {killed.kills.total()} kills in {took:.0f} s: {dict(killed.kills)}")
    print(f"{len(wanted)} alerts stored; requests: {dict(double.requests)}")
    for path, at_once in AT_ONCE.items():
        answered, unanswered = double.doubles(path)
        total = len(double.attempts[path])
        shares = f"{answered / total:.3%} after an answer, {unanswered / total:.3%} after none"
        print(f"{path}: {total} alerts; came again: {answered} and {unanswered}, {shares}")
        tries = [digests for digests in double.attempts[path].values() if len(digests) > 1]
        assert all(len({digest for _, digest in one}) == 1 for one in tries)
        assert answered <= at_once * deadly
    for name in ("kept", "runs", "piped"):
        found, broken = lines(shared / name)
        print(f"{name}: {len(found)} lines, {len(found) - len(set(found))} of them doubles, {broken} broken")
    piped = set(lines(shared / "piped")[0])
    print(f"piped: {len(wanted - piped)} missing")
    for source in ("numbers", "others"):
        values = [one["output_fields"]["number.value"] for one in stored if one["source"] == source]
        assert list(range(1, len(values) + 1)) == sorted(values)
    assert len(wanted - piped) <= IN_PIPE * killed.kills.total()
