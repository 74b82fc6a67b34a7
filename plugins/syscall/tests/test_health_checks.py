"""Health checks that podman runs for real: they are told from whoever else comes into the container."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import container_runtimes
import pytest
from container_runtimes import Podman

from falcohost.testing.images import IMAGE

RULES = """
- rule: Check
  desc: A health check reads a file.
  condition: >
    evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-check
    and proc.is_container_healthcheck = true
  output: check | %fd.name %proc.cmdline %proc.entered_with
  priority: NOTICE
- rule: Somebody
  desc: Somebody else reads a file.
  condition: >
    evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-check
    and proc.is_container_healthcheck = false
  output: other | %fd.name %proc.entered_with %proc.cmdline %container.label[owner]
  priority: NOTICE
"""


@pytest.fixture(scope="module")
def podman(bpf, tmp_path_factory) -> Iterator[Podman]:
    """Return podman with the image in its store; its service does not run."""
    podman = container_runtimes.podman(tmp_path_factory.mktemp("podman"), "vfs")
    yield podman
    podman.close()


@pytest.mark.parametrize("form", ["%s", "%s; :", "true && %s"])
def test_a_health_check(podman, start_agent, tmp_path, form):
    """A check is told whether its shell stays or replaces itself; what else is run in the container is none."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    plugin = {"plugins": [{"name": "container", "init_config": {"engines": podman.engines}}]}
    wait = {"falcohost": {"lookups": {"wait": 2.9}}}
    agent = start_agent(rules, settings={"rule_matching": "all", **plugin, "load_plugins": ["container"], **wait})
    name, mark = f"falcohost-{secrets.token_hex(4)}", f"/etc/falcohost-check-{secrets.token_hex(4)}"
    check = form % f"cat {mark}"
    options = ["--network", "none", "--health-interval", "disable", "--label", "owner=ann", "--health-cmd", check]
    loop = f"while :; do cat {mark}-init; sleep 10; done"
    podman.do("run", "-d", "--name", name, *options, IMAGE, "/bin/sh", "-c", loop)
    try:
        podman.do("exec", name, "/bin/cat", f"{mark}-exec", fails=True)
        podman.do("exec", name, "/bin/sh", "-c", f"cat {mark}; cat {mark}-typed", fails=True)
        podman.do("healthcheck", "run", name, fails=True)
        agent.wait_for(lambda alert: alert["rule"] == "Check" and mark in str(alert))
        for kind in ("init", "exec", "typed"):
            agent.wait_for(lambda alert, kind=kind: alert["rule"] == "Somebody" and f"{mark}-{kind}" in str(alert))
    finally:
        podman.do("rm", "-f", "-t", "0", name)
    found = [alert for alert in agent.alerts if mark in str(alert)]
    checks = [alert["output_fields"]["fd.name"] for alert in found if alert["rule"] == "Check"]

    assert {mark} == {*checks}
    assert {"ann"} == {
        alert["output_fields"]["container.label[owner]"] for alert in found if alert["rule"] == "Somebody"
    }
