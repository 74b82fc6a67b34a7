"""Alerts about the first instruction of a container whose runtime answers after two seconds, or never."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from container_runtimes import SOCKET, STATE, Ctr, Docker, Podman, source_stats
from slow_sockets import SlowSocket

from falcohost.testing.agent import Agent
from falcohost.testing.images import IMAGE
from falcohost.testing.waiting import wait_until

RULES = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: >
    evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-slow and container.id != host
  output: first | %fd.name %container.name %container.image %container.image.tag
  priority: NOTICE
"""
SLOW, NEVER = 2.0, 1000.0

#: Of a wait of 2.9 s, one answer that takes two leaves little on a busy machine: of so many containers, one is known.
TRIES = 8


@pytest.fixture
def told(start_agent, tmp_path):
    """Return a function that starts two containers of a runtime, one after the other, and returns what is told.

    With *tries*, it starts so many at most, until one is known.
    """

    def told(runtime: Any, engines: object, ends: str = "", tries: int = 0) -> list[tuple[str, dict[str, Any]]]:
        rules = tmp_path / "rules.yaml"
        rules.write_text(RULES)
        plugin = {
            "plugins": [{"name": "container", "init_config": {"engines": engines}}],
            "load_plugins": ["container"],
        }
        agent = start_agent(rules, settings={**plugin, "falcohost": {"lookups": {"wait": 2.9}}})
        found = []
        for _ in range(tries or 2):
            mark = f"/etc/falcohost-slow-{secrets.token_hex(4)}"
            name = runtime.execute("/bin/sh", "-c", f"cat {mark}; {ends}:")
            alert = agent.wait_for(lambda alert, mark=mark: mark in str(alert))
            found.append((name, alert["output_fields"]))
            if tries and alert["output_fields"]["container.name"]:
                break
        missing = sum(not fields["container.name"] for _, fields in found)
        wait_until(lambda: given_up(agent) >= missing)
        return found

    return told


def given_up(agent: Agent) -> int:
    """Return how many alerts an agent has counted that came without what a runtime had not told."""
    counted = source_stats(agent)["lookups"]["containers"]
    return int(counted["late"]) + int(counted["given_up"])


def check(found: list[tuple[str, dict[str, Any]]], *, is_known: bool) -> None:
    """Check that name and image are told, or that they are missing."""
    for name, fields in found:
        wanted = (name, IMAGE, "1") if is_known else (None, None, None)
        assert wanted == tuple(fields[f"container.{one}"] for one in ("name", "image", "image.tag"))
        assert is_known or "container.name" in fields["falcohost.missing"]


@pytest.mark.parametrize(("seconds", "has_files"), [(2.0, True), (NEVER, True), (SLOW, False), (NEVER, False)])
def test_docker(runtime_of, told, tmp_path, seconds, has_files):
    """Docker's files say all; where they are not known, what comes in time is waited for, and nothing else."""
    docker, slow = runtime_of(Docker), tmp_path / "slow.sock"
    engines = {"docker": {"sockets": [str(slow)], "folders": [str(docker.folder)] if has_files else []}}
    with SlowSocket(slow, docker.socket, seconds) as socket:
        # Without files, docker is asked when the event comes, and has to have the container still.
        found = told(docker, engines, "" if has_files else "sleep 3; ", TRIES if is_late(seconds, has_files) else 0)
        assert socket.connections > 0

    check(found[:-1], is_known=not is_late(seconds, has_files) and has_files)
    check(found[-1:], is_known=has_files or seconds != NEVER)


def is_late(seconds: float, has_files: bool) -> bool:
    """Return whether an answer that may come too late is all that there is."""
    return seconds != NEVER and not has_files


@pytest.mark.parametrize("seconds", [2.0, NEVER])
def test_podman(runtime_of, told, tmp_path, seconds):
    """What podman stores is told while its service says nothing."""
    podman, path, slow = runtime_of(Podman), tmp_path / "podman.sock", tmp_path / "slow.sock"
    engines = {"podman": {**podman.engines["podman"], "sockets": [str(slow)]}}
    with podman.served(path), SlowSocket(slow, path, seconds) as socket:
        found = told(podman, engines)
        assert socket.connections > 0

    check(found, is_known=True)


@pytest.mark.parametrize("seconds", [SLOW, NEVER])
def test_containerd(runtime_of, told, seconds):
    """One answer is waited for, as long as that is configured."""
    ctr, slow = runtime_of(Ctr), STATE / f"slow-{secrets.token_hex(4)}.sock"
    with SlowSocket(slow, SOCKET, seconds) as socket:
        tries = TRIES if is_late(seconds, has_files=False) else 0
        found = told(ctr, {"containerd": {"sockets": [str(slow)]}}, "sleep 3; ", tries)
        assert socket.connections > 0
    slow.unlink()

    check(found[:-1], is_known=False)
    check(found[-1:], is_known=seconds != NEVER)
