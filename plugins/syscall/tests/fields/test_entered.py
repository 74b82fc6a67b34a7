"""Who came into a pid namespace from outside, and with what, on this machine's kernel."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import GET, MARK, events, opened

from falcohost.testing.waiting import wait_until

pytestmark = pytest.mark.usefixtures("end")
NAME = "proc.entered_with"


@pytest.fixture
def inside(tmp_path) -> Iterator[str]:
    """Return the pid of the init of a pid namespace, which reads a marked file when it gets SIGUSR1."""
    script = f"trap 'cat {tmp_path}/{MARK}-init; cat {tmp_path}/{MARK}-init & wait' USR1; : > {tmp_path}/ready; "
    script += "while :; do sleep 1000 & wait; done"
    started = subprocess.Popen(["unshare", "--pid", "--fork", "sh", "-c", script], stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "ready").exists)
    (init,) = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    yield init
    os.kill(int(init), signal.SIGKILL)
    started.wait()


def told(source, matches) -> list[tuple[str, ...] | None]:
    return [GET[NAME](event, None) for event in events(source, matches)]


def test_from_outside(sources, inside, tmp_path):
    """A process that setns(2) has brought in, and what it starts, have its arguments; what init starts has none."""
    source, matches = opened(sources, "evt.type = openat", NAME)
    file = f"{tmp_path}/{MARK}"
    text = f"cat {file}; cat {file}; :"
    for command in (["cat", file], ["sh", "-c", text]):
        subprocess.run(["nsenter", "-t", inside, "-p", *command], stderr=subprocess.DEVNULL)
    os.kill(int(inside), signal.SIGUSR1)
    subprocess.run(["cat", file], stderr=subprocess.DEVNULL)
    found: list[tuple[str, ...] | None] = []

    def is_told() -> bool:
        found.extend(told(source, matches))
        return found.count(None) >= 3

    wait_until(is_told)
    shells = [one for one in found if one is not None and one[0] == "sh"]

    assert {("cat", file), ("sh", "-c", text), None} == set(found)
    assert len(shells) > 2
