"""A lookup fills what only a container runtime knows, for real processes in a container's cgroup."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from falcohost import hookimpl
from falcohost.alert import Alert
from falcohost.engine.alerts import AlertMaker
from falcohost.host.plugins import Candidate, gather
from falcohost.lookups import PENDING, LookupSpec
from falcohost.pipeline import pipeline as stages
from falcohost.pipeline.rules import Rules
from falcohost.testing.firing import enabled_rules
from falcohost.testing.pipeline import Pipeline
from falcohost.testing.waiting import PATIENCE, SLOWNESS, wait_until
from falcohost_syscall import plugin

RULES = """
- rule: Opened in a container
  desc: A file is opened by a process in a container.
  condition: evt.type = openat and fd.name startswith %s and %s
  output: opened %%fd.name in %%container.name of %%container.image.repository
  priority: NOTICE
"""
INSIDE = """
import os, sys
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
open(sys.argv[2])
"""


class Runtime:
    """The lookup: tells of every container the same, once *answers* is set."""

    def __init__(self) -> None:
        self.answers = False
        self.asked: set[Any] = set()

    def find(self, key: Any) -> Any:
        """Return a row."""
        self.asked.add(key)
        return SimpleNamespace(name="shop", repository="docker.io/shop") if self.answers else PENDING

    def poll(self) -> bool:
        """Return whether rows may have come."""
        return self.answers

    def close(self) -> None:
        """Nothing to do."""


class Containers:
    """The plugin with the lookup."""

    def __init__(self) -> None:
        self.runtime = Runtime()

    @hookimpl
    def falcohost_lookups(self) -> list[LookupSpec]:
        """Return the lookup."""
        fills = {
            "container.name": lambda row, arg: row.name,
            "container.image.repository": lambda row, arg: row.repository,
        }
        spec = LookupSpec(
            name="containers",
            description="Knows containers.",
            key={"syscall": ("container.id",)},
            make=lambda settings: self.runtime,
            fills=fills,
        )
        return [spec]


class Watched:
    """The real source and the pipeline in this process; *rewinds*, *add*, *flush*, *once_stored* make it the sink."""

    def __init__(self, rules: Path) -> None:
        self.containers = Containers()
        plugins = gather([Candidate("syscall", plugin), Candidate("containers", self.containers)])
        assert not plugins.left_out
        compiled = Rules.compiled("syscall", enabled_rules(plugins, "syscall", [rules]), first=True)
        self.rewinds = False
        self.alerts: list[Alert] = []
        self.add = self.alerts.append
        self.pipeline = stages.Pipeline(compiled, AlertMaker("here").make, self)
        self.source = plugins.sources()["syscall"].make({"engine": {}, "falcohost": {}})
        self.source.open(compiled.plan, None)
        self.pipeline.open_lookups(compiled)
        self._batches: Iterator[Any] = self.source.batches()

    def flush(self, cursor: str | None) -> None:
        """Nothing to do."""

    def once_stored(self, call: Any) -> None:
        """Run *call*: what was added is stored."""
        call()

    def read_until(self, is_so: Any) -> None:
        """Take batches until *is_so* holds."""
        until = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < until
            self.pipeline.take(next(self._batches))


@pytest.fixture
def watched(bpf, tmp_path):
    """Return a function that begins to watch with a condition."""
    opened = []

    def watched(condition: str) -> Watched:
        rules = tmp_path / "rules.yaml"
        rules.write_text(RULES % (tmp_path, condition))
        opened.append(Watched(rules))
        return opened[-1]

    yield watched
    for one in opened:
        one.source.close()


@pytest.fixture
def open_inside(container_cgroup, tmp_path):
    """Return a function that has a process in the container's cgroup open a file, whose path it returns."""

    def open_inside(name: str) -> str:
        path = tmp_path / name
        path.touch()
        subprocess.run([sys.executable, "-c", INSIDE, container_cgroup, path], check=True)
        return str(path)

    return open_inside


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("container.image.repository = docker.io/shop", True),
        ("not container.image.repository in (docker.io/bank, docker.io/mail)", True),
        ("not container.image.repository = docker.io/shop", False),
    ],
)
def test_the_runtime_decides(watched, open_inside, container_cgroup, condition, told):
    """An event that the kernel passes waits for the runtime, whose answer decides and is shown."""
    here = watched(f"container.id != host and {condition}")
    path = open_inside("first")
    here.read_until(lambda: here.containers.runtime.asked)
    assert ({(container_cgroup.name[:12],)}, []) == (here.containers.runtime.asked, here.alerts)

    here.containers.runtime.answers = True
    here.read_until(lambda: not here.pipeline.pending)
    expected = [f"opened {path} in shop of docker.io/shop"]
    assert (expected if told else []) == [alert.message for alert in here.alerts]
    assert all(alert.subjects[0].pid > 1 and alert.subjects[0].start > 0 for alert in here.alerts)


def test_an_answer_wakes_the_source(bpf, open_inside, tmp_path, monkeypatch):
    """The alert follows the answer in less than 50 ms, while no system call comes that is wanted."""
    monkeypatch.setattr("falcohost_syscall.drivers.modern_ebpf.driver.IDLE", 60.0)
    containers = Containers()
    runtime, came = containers.runtime, os.eventfd(0)
    runtime.fileno = lambda: came
    containers.__name__ = "containers"
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES % (tmp_path, "container.image.repository = docker.io/shop"))
    settings = {"engine": {}, "falcohost": {}}
    pipeline = Pipeline(plugin, [rules], settings, tmp_path / "state", beside=[containers])
    times = []
    for turn in range(3):
        runtime.answers = False
        runtime.asked.clear()
        open_inside(f"file {turn}")
        wait_until(lambda: runtime.asked)
        time.sleep(0.2)
        before = time.monotonic()
        runtime.answers = True
        os.eventfd_write(came, 1)
        wait_until(lambda turn=turn: len(pipeline.messages) > turn)
        times.append(time.monotonic() - before)
    pipeline.over.set()
    open_inside("the last")  # which ends it
    pipeline.stop()
    os.close(came)

    assert min(times) < 0.05 * SLOWNESS


def test_the_runtime_is_not_asked_about_the_host(watched, tmp_path):
    """Outside of containers the fields are what they are without a lookup, and the kernel leaves out by them."""
    here = watched("container.image.repository = docker.io/shop")
    filtered = here.source.stats().filtered
    (tmp_path / "outside").touch()
    (tmp_path / "outside").read_text()
    here.read_until(lambda: here.source.stats().filtered > filtered)

    assert (set(), []) == (here.containers.runtime.asked, here.alerts)
