"""Outputs of several kinds by name, whose process and programs are killed again and again."""

import json
import os
import random
import signal
import tempfile
import threading
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import wait_until

CONFIG = """
json_output: true
falcohost: {{json_include_id: true}}
outputs:
  posted: {{type: http, url: "http://127.0.0.1:{port}/", keep_alive: true, concurrency: 3}}
  batches: {{type: http, url: "http://127.0.0.1:{port}/", format: ecs, batch: 50}}
  rotated: {{type: file, filename: {folder}/rotated, max_size_mb: 0.01, max_files: 1000}}
  piped: {{type: program, keep_alive: true, program: "cat >> {folder}/piped"}}
"""


@pytest.fixture
def shared():
    """Return a folder in which everybody may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture
def receiver():
    """Return a receiver that fails at random, and keeps the ids of what it has accepted, by form."""
    running = Receiver()
    lot, lock = random.Random(1), threading.Lock()
    running.accepted = {"posted": [], "batches": []}

    def answer(body):
        found = json.loads(body)
        with lock:
            chance = lot.random()
            if chance < 0.02:
                return 500, {}, b""
            if isinstance(found, list):
                running.accepted["batches"] += [one["event"]["id"] for one in found]
            else:
                running.accepted["posted"].append(found["id"])
            return (0, {}, b"") if chance < 0.04 else (200, {}, b"")

    running.answer = answer
    yield running
    running.close()


def ids(lines):
    """Return the ids in lines of JSON, the last of which may not be whole."""
    return [json.loads(line)["id"] for line in lines if line.endswith("}")]


def test_kills(agent, setup, falcohost, receiver, shared):
    """No stored alert is missing at any output; of what a program had read when it was killed, that may be."""
    config = CONFIG.format(port=receiver.port, folder=shared)
    running = agent(*setup(config, numbers={"interval": 0.004}), "--enable-source", "numbers")
    for count in range(1, 6):
        wait_until(lambda count=count: len(receiver.accepted["posted"]) > 30 * count, lambda: running.stderr)
        os.kill(running.service(OUTPUTS), signal.SIGKILL)
    stored = {json.loads(line)["id"] for line in falcohost("alerts", "--json").stdout.splitlines()}
    for found in receiver.accepted.values():
        wait_until(lambda found=found: stored <= set(found), lambda: running.stderr)
    wait_until(lambda: (shared / "piped").exists())
    running.end()
    rotated = [line for file in sorted(shared.glob("rotated*")) for line in file.read_text().splitlines()]

    assert len(stored) > 100
    assert set() == stored - set(receiver.accepted["posted"])
    assert set() == stored - set(receiver.accepted["batches"])
    assert set() == stored - set(ids(rotated))
    assert len(list(shared.glob("rotated*"))) > 1
    assert len(stored - set(ids((shared / "piped").read_text().splitlines()))) <= 5 * 64
