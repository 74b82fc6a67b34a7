"""A container as CRI-O starts one is told with its name, image and pod from its first instruction on."""

from __future__ import annotations

import json
import secrets
import subprocess

import pytest
from container_runtimes import need
from crio_storage import IMAGE, UID, write
from more_runtimes import root

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import Agent
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
    for problem in (one.problem for one in requirements() if one.problem):
        skip_or_fail("bpf", problem)
    need("containerd", "runc", "busybox")
    (tmp_path / "storage/overlay-containers").mkdir(parents=True)
    (tmp_path / "rules.yaml").write_text(RULES)
    plugin = {"name": "container", "init_config": {"engines": {"podman": {"storages": [str(tmp_path / "storage")]}}}}
    settings = {"plugins": [plugin], "load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
    agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings)
    try:
        agent.wait_until_ready()
        yield agent
    finally:
        agent.kill()


def start(folder) -> tuple[str, str]:
    """Write what CRI-O writes, and have runc start the container in a cgroup of CRI-O's; return id and file read."""
    sandbox, container, mark = secrets.token_hex(32), secrets.token_hex(32), f"falcohost-first-{secrets.token_hex(4)}"
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
