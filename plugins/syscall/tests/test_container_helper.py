"""The process that asks runtimes is there when there is a runtime, and not before."""

import pytest
from container_runtimes import source_stats

from falcohost.testing.waiting import wait_until

RULES = """
- rule: Named
  desc: Reads what only a runtime knows.
  condition: evt.type = execve and container.name = falcohost-none
  output: named
  priority: NOTICE
- rule: Read
  desc: A file is read on the host.
  condition: evt.type in (open, openat, openat2) and fd.name endswith falcohost-on-the-host and evt.failed = true
  output: read
  priority: NOTICE
"""


@pytest.fixture
def states(tmp_path):
    """Return where the states of a runtime will be."""
    return tmp_path / "states"


@pytest.fixture
def agent(bpf, start_agent, states, tmp_path):
    """Return an agent that knows of one place only where there may be a runtime."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    others = {name: {"enabled": False} for name in ("docker", "podman", "cri", "containerd")}
    plugin = {"name": "container", "init_config": {"engines": {**others, "runc": {"states": [str(states)]}}}}
    more = {"append_output": [{"suggested_output": True}]}
    return start_agent(rules, settings={"plugins": [plugin], "load_plugins": ["container"], **more})


def test_an_alert_about_the_host(agent, states, tmp_path):
    """The fields that outputs get for containers are known there: nobody is asked, and nothing is missing."""
    states.mkdir()
    agent.wait_for_log(lambda log: f"{states} has appeared" in log and "'syscall' is open again" in log)
    with pytest.raises(FileNotFoundError):
        (tmp_path / "falcohost-on-the-host").read_text()
    fields = agent.wait_for(lambda alert: alert["rule"] == "Read")["output_fields"]

    assert ("host", "host", "", None) == tuple(
        fields[name] for name in ("container.id", "container.name", "container.image.repository", "k8s.pod.name")
    )
    assert "falcohost.missing" not in fields
    counted = source_stats(agent)["lookups"]["containers"]
    assert (0, 0, 0) == (counted["given_up"], counted["pending"], counted["late"])


def test_a_runtime_that_appears(agent, states, children, syscall_worker):
    """The worker is replaced by one with one more child, as soon as there is what the process would ask."""
    before = syscall_worker(agent.process.pid)
    without = len(children(before))
    states.mkdir()
    agent.wait_for_log(lambda log: f"{states} has appeared" in log and "'syscall' is open again" in log)
    after = syscall_worker(agent.process.pid)

    assert before != after
    wait_until(lambda: len(children(after)) == without + 1)
