"""Alerts about a container's first instruction, whose runtime answers after two seconds, or never."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from container_runtimes import Docker, need
from slow_sockets import SlowSocket

from falcohost.testing import skip_or_fail
from falcohost.testing.images import IMAGE, is_static, write_image

RULES = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: >
    evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-slow and container.id != host
  output: first | %fd.name %container.name %container.image %container.image.tag
  priority: NOTICE
"""
NEVER = 1000.0


@pytest.fixture(scope="module")
def docker(bpf, tmp_path_factory) -> Iterator[Docker]:
    """Return docker with the image in it."""
    need("docker", "dockerd", "docker", "containerd", "runc", "busybox")
    if not is_static():
        skip_or_fail("docker", "busybox is linked dynamically: apt-get install busybox-static")
    folder = tmp_path_factory.mktemp("docker")
    write_image(folder / "image.tar")
    docker = Docker(folder, folder / "image.tar")
    yield docker
    docker.close()


@pytest.mark.parametrize(("seconds", "has_files"), [(2.0, True), (NEVER, True), (2.0, False), (NEVER, False)])
def test_docker(docker, start_agent, tmp_path, seconds, has_files):
    """Docker's files say all; where they are not known, what comes in time is waited for, and nothing else."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    folders = [str(docker.folder)] if has_files else []
    engines = {"docker": {"sockets": [str(tmp_path / "slow.sock")], "folders": folders}}
    plugin = {"plugins": [{"name": "container", "init_config": {"engines": engines}}], "load_plugins": ["container"]}
    with SlowSocket(tmp_path / "slow.sock", docker.socket, seconds) as slow:
        agent = start_agent(rules, settings={**plugin, "falcohost": {"lookups": {"wait": 2.9}}})
        found = []
        for _ in range(2):
            mark = f"/etc/falcohost-slow-{secrets.token_hex(4)}"
            # Without files, docker is asked when the event comes, and has to have the container still.
            name = docker.execute("/bin/sh", "-c", f"cat {mark}; sleep {0 if has_files else 3}")
            alert = agent.wait_for(lambda alert, mark=mark: mark in str(alert))
            found.append((name, alert))
        assert slow.connections > 0
    is_known = has_files or seconds != NEVER
    for name, alert in found:
        wanted = (name, IMAGE, "1") if is_known else (None, None, None)

        fields = alert["output_fields"]
        assert wanted == tuple(fields[f"container.{one}"] for one in ("name", "image", "image.tag"))
        assert is_known or "container.name" in fields["falcohost.missing"]
