"""The first instruction of containers of pods, which containerd's CRI service starts one by one and at once."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pods import Pods

from falcohost.testing.images import IMAGE

RULES = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-first and container.id != host
  output: first %fd.name | %container.name %container.image %k8s.pod.name %k8s.ns.name %k8s.pod.uid %container.type
  priority: NOTICE
"""
FIELDS = ("container.type", "container.name", "container.image", "k8s.pod.name", "k8s.ns.name", "k8s.pod.uid")


@pytest.fixture(scope="module")
def pods(bpf, tmp_path_factory) -> Iterator[Pods]:
    """Return a containerd of the module's own."""
    pods = Pods(tmp_path_factory.mktemp("c"))
    yield pods
    pods.close()


@pytest.fixture(scope="module")
def agent(pods, start_agent, tmp_path_factory):
    """Return an agent that knows its socket."""
    rules = tmp_path_factory.mktemp("rules") / "first.yaml"
    rules.write_text(RULES)
    plugin = {"name": "container", "init_config": {"engines": {"containerd": {"sockets": [str(pods.socket)]}}}}
    settings = {"plugins": [plugin], "load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
    return start_agent(rules, settings=settings)


@pytest.mark.parametrize("together", [False, True])
def test_the_first_instruction(pods, agent, soak, together):
    """It is told with the container's name and image, and with its pod."""
    count = soak(20, 4) if together else soak(100, 2)
    uids = {str(uuid.uuid4()): f"/etc/falcohost-first-{secrets.token_hex(4)}" for _ in range(count)}
    with ThreadPoolExecutor(count if together else 1) as threads:
        list(threads.map(lambda one: pods.run(f"shop-{one[0]}", "prod", one[0], ["/bin/cat", one[1]]), uids.items()))
    found = {uid: agent.wait_for(lambda alert, mark=mark: mark in str(alert)) for uid, mark in uids.items()}

    assert [("cri", "web", IMAGE, f"shop-{uid}", "prod", uid) for uid in uids] == [
        tuple(alert["output_fields"][name] for name in FIELDS) for alert in found.values()
    ]
