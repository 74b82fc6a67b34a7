"""The first instruction of real containers of crun, LXC, systemd-nspawn, of bare runtimes, and of users' podman."""

from __future__ import annotations

import functools
import json
import secrets

import pytest
from more_runtimes import BareCrun, BareRunc, Crun, Detached, Lxc, Nspawn, Rootless, available

RULES = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-first and container.id != host
  output: first | %fd.name %container.id %container.full_id %container.type %container.name %container.image
  priority: NOTICE
"""

KINDS = (Crun, BareRunc, BareCrun, Detached, Lxc, Nspawn, Rootless)


@pytest.fixture(scope="module")
def agent(start_agent, tmp_path_factory):
    """Return a function that returns an agent that knows these engines."""

    @functools.cache
    def agent(*engines):
        rules = tmp_path_factory.mktemp("rules") / "first.yaml"
        rules.write_text(RULES)
        known = {name: json.loads(text) for name, text in engines}
        plugin = {"name": "container", "init_config": {"engines": known}}
        settings = {"plugins": [plugin], "load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
        return start_agent(rules, settings=settings)

    return lambda engines: agent(*((name, json.dumps(one)) for name, one in engines.items()))


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.__name__)
def test_the_first_instruction(kind, agent, bpf, tmp_path, soak):
    """It is told with the container's type, name and image, also by who starts many one after the other."""
    available(kind)
    runtime = kind(tmp_path)
    try:
        running = agent(runtime.engines)
        marks = [f"/etc/falcohost-first-{secrets.token_hex(4)}" for _ in range(soak(100, 3))]
        wanted = [runtime.first("/bin/cat", mark) for mark in marks]
        found = []
        for mark in marks:
            fields = running.wait_for(lambda alert, mark=mark: mark in str(alert))["output_fields"]
            found.append((fields["container.type"], fields["container.name"], fields["container.image"]))
            assert fields["container.full_id"].startswith(fields["container.id"])
    finally:
        runtime.close()

    assert wanted == found
