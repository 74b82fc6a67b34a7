"""The action ``stop`` on a container that containerd and runc have started: all of it stops, and goes on by command."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from container_runtimes import Ctr, need

from falcohost.host.response.cgroups import is_frozen, mount, thaw
from falcohost.testing import skip_or_fail
from falcohost.testing.agent import PROGRAM
from falcohost.testing.images import is_static, write_image
from falcohost.testing.waiting import wait_until

RULES = """
- rule: Marked
  desc: A file is asked for in a container.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-stop and container.id != host
  output: asked for %fd.name in %container.id
  priority: NOTICE
  actions: [freeze]
"""

#: Two processes that count for ever; the second is the child of a child, and has a session of its own.
COUNTS = """
count() { while :; do echo x >> /out/$1; usleep 20000; done; }
(setsid sh -c 'while :; do echo x >> /out/second; usleep 20000; done' &)
count first &
until [ -e /out/go ]; do usleep 20000; done
cat /etc/falcohost-stop
wait
"""

#: Seconds for which it is seen that nothing is counted.
STILL = 0.5


@pytest.fixture(scope="module")
def containerd(bpf, tmp_path_factory):
    """Return containerd, with the image in it."""
    need("containerd", "containerd", "ctr", "runc", "busybox")
    if not is_static():
        skip_or_fail("containerd", "busybox is linked dynamically: apt-get install busybox-static")
    if mount() is None:
        skip_or_fail("containerd", "there are no cgroups of version 2")
    folder = tmp_path_factory.mktemp("containerd")
    write_image(folder / "image.tar")
    containerd = Ctr(folder, folder / "image.tar")
    yield containerd
    containerd.close()


@pytest.fixture
def container(containerd, tmp_path):
    """Return a container that counts, the path of its cgroup, and the folder with the counts."""
    name = containerd.begin(COUNTS, tmp_path)
    wait_until(lambda: {"first", "second"} <= {one.name for one in tmp_path.iterdir()})
    path = next(f"/{Path(path).relative_to(mount())}" for path, _, _ in os.walk(mount()) if path.endswith(f"/{name}"))
    yield name, path, tmp_path
    if is_frozen(mount(), path):
        thaw(mount(), path)
    containerd.end(name)


def counts(folder):
    """Return how far the two have counted."""
    return [(folder / name).stat().st_size for name in ("first", "second")]


def test_stopped_and_thawed(start_agent, containerd, container, open_folder):
    """All processes of the container stop, that of another goes on; after ``actions thaw`` they count on."""
    name, path, folder = container
    rules = open_folder / "stop.yaml"
    rules.write_text(RULES)
    actions = {"enabled": True, "mode": "act", "define": {"freeze": {"type": "stop"}}}
    agent = start_agent(rules, settings={"actions": actions})
    beside = open_folder / "beside"
    beside.mkdir()
    other = containerd.begin(COUNTS, beside)
    try:
        (folder / "go").touch()
        found = agent.wait_for(lambda alert: alert["output_fields"].get("action") == "freeze")
        assert "all its processes have stopped" in found["output"]
        assert ("done", "Marked") == tuple(found["output_fields"][key] for key in ("result", "alert.rule"))
        assert is_frozen(mount(), path)
        before, going_on = counts(folder), counts(beside)
        time.sleep(STILL)
        assert before == counts(folder)
        wait_until(lambda: all(now > then for now, then in zip(counts(beside), going_on, strict=True)))

        done = subprocess.run([PROGRAM, "actions", "thaw", path], stdout=subprocess.PIPE, check=True)
        assert f"{path} is thawed.\n" == done.stdout.decode()
        wait_until(lambda: all(now > then for now, then in zip(counts(folder), before, strict=True)))
        assert not is_frozen(mount(), path)
    finally:
        containerd.end(other)
    assert name in path
