"""A container as CRI-O starts one is told with its name, image and pod from its first instruction on."""

from __future__ import annotations

import json
import secrets
import subprocess
from contextlib import contextmanager

import pytest
from container_runtimes import need, source_stats
from crio_socket import CrioSocket
from crio_storage import IMAGE, UID, write
from more_runtimes import root
from slow_sockets import SlowSocket

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import Agent
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf.requirements import requirements

RULES = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-first and container.id != host
  output: first %fd.name | %container.full_id %container.name %container.image %k8s.pod.name %k8s.ns.name %k8s.pod.uid
  priority: NOTICE
"""
FIELDS = ("container.full_id", "container.name", "container.image", "k8s.pod.name", "k8s.ns.name", "k8s.pod.uid")


@pytest.fixture
def agent(tmp_path):
    """Return an agent that knows a storage of CRI-O's."""
    with running(tmp_path, {"podman": {"storages": [str(tmp_path / "storage")]}}) as agent:
        yield agent


@contextmanager
def running(folder, engines):
    """Have an agent know these *engines*."""
    for problem in (one.problem for one in requirements() if one.problem):
        skip_or_fail("bpf", problem)
    need("containerd", "runc", "busybox")
    (folder / "storage/overlay-containers").mkdir(parents=True)
    (folder / "rules.yaml").write_text(RULES)
    plugin = {"name": "container", "init_config": {"engines": engines}}
    settings = {"plugins": [plugin], "load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
    agent = Agent(folder, [folder / "rules.yaml"], settings=settings)
    try:
        agent.wait_until_ready()
        yield agent
    finally:
        agent.kill()


def start(folder, container="") -> tuple[str, str]:
    """Write what CRI-O writes, and have runc start the container in a cgroup of CRI-O's; return id and file read."""
    container = container or secrets.token_hex(32)
    sandbox, mark = secrets.token_hex(32), f"falcohost-first-{secrets.token_hex(4)}"
    bundle = folder / "storage/overlay-containers" / container / "userdata"
    spec = json.loads((folder / "config.json").read_text())
    spec["process"] |= {"terminal": False, "args": ["/bin/cat", f"/etc/{mark}"]}
    spec["root"]["path"] = str(folder / "rootfs")
    spec["linux"]["cgroupsPath"] = f"/kubepods/besteffort/pod{UID}/crio-{container}"
    write(folder / "storage", sandbox, container, config=spec)
    null = subprocess.DEVNULL
    subprocess.run(["runc", "run", container], cwd=bundle, stdin=null, stdout=null, stderr=null, check=False)
    return container, mark


def test_the_first_instruction(agent, tmp_path, soak):
    """It is told with what is on disk, though nobody answers at CRI-O's socket."""
    root(tmp_path / "rootfs")
    subprocess.run(["runc", "spec"], cwd=tmp_path, check=True)
    wanted = [start(tmp_path) for _ in range(soak(100, 2))]
    found = [agent.wait_for(lambda alert, mark=mark: mark in str(alert))["output_fields"] for _, mark in wanted]

    assert [(container, "web", f"{IMAGE}:2", "shop-0", "prod", UID) for container, _ in wanted] == [
        tuple(fields[name] for name in FIELDS) for fields in found
    ]


@pytest.mark.parametrize("seconds", [0.0, 0.4, 1000.0], ids=["at once", "slowly", "never"])
def test_by_the_socket(tmp_path, seconds):
    """Without files what is said in time is waited for; without an answer the alert says what it lacks."""
    root(tmp_path / "rootfs")
    subprocess.run(["runc", "spec"], cwd=tmp_path, check=True)
    path, container = tmp_path / "crio.sock", secrets.token_hex(32)
    with (
        CrioSocket(path, "a" * 64, container),
        SlowSocket(tmp_path / "slow.sock", path, seconds),
        running(tmp_path, {"cri": {"sockets": [str(tmp_path / "slow.sock")]}, "podman": {"enabled": False}}) as agent,
    ):
        _, mark = start(tmp_path, container)
        fields = agent.wait_for(lambda alert: mark in str(alert))["output_fields"]
        found = tuple(fields[name] for name in FIELDS)
        if seconds == 1000.0:
            assert (container, *[None] * 5) == found
            assert "container.name" in fields["falcohost.missing"]
            wait_until(lambda: sum(source_stats(agent)["lookups"]["containers"][one] for one in ("late", "given_up")))
        else:
            assert (container, "web", f"{IMAGE}:2", "shop-0", "prod", UID) == found
