"""Thousands of containers that live for milliseconds: each is told with its name; nothing grows with their number."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
from container_runtimes import source_stats
from more_runtimes import BareCrun, available

from falcohost.testing.agent import Agent
from falcohost.testing.rollup import kib
from falcohost.testing.waiting import wait_until
from falcohost_containers.lookup import MOST

RULES = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-many and container.id != host
  output: first %container.name
  priority: NOTICE
"""

#: Most megabytes that the agent may take more after the second half of the containers than after the first.
GROWTH = 6.0


@pytest.fixture
def crun(bpf, tmp_path) -> Iterator[BareCrun]:
    """Return crun."""
    available(BareCrun)
    yield BareCrun(tmp_path)


def megabytes(agent: Agent) -> float:
    """Return the memory of all processes of an agent (PSS)."""
    return sum(kib("Pss", pid) for pid in agent.processes()) / 1024


def names(agent: Agent) -> list[str]:
    """Return the names of the containers in the alerts."""
    return [alert["output_fields"]["container.name"] for alert in agent.alerts if alert["rule"] == "First"]


def has_told(agent, number):
    """Return whether the agent has told of so many containers."""
    return number == len(names(agent))


def test_many_containers(start_agent, crun, tmp_path, soak):
    """All are told, and when the lookup has as many rows as it may, the agent takes no more memory."""
    (tmp_path / "rules.yaml").write_text(RULES)
    settings = {"load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}, "fold": {"enabled": False}}}
    agent = start_agent(tmp_path / "rules.yaml", settings=settings)
    half, wanted, taken = soak(5_000, 10), [], []
    for rounds in (1, 2):
        wanted += crun.many(half, "/bin/cat", "/etc/falcohost-many")
        wait_until(functools.partial(has_told, agent, rounds * half))
        taken.append(megabytes(agent))
    counted = source_stats(agent)["lookups"]["containers"]
    print(f"{2 * half} containers: {taken[0]:.1f} MB, then {taken[1]:.1f} MB; {counted}")

    assert set(wanted) == set(names(agent))
    assert GROWTH > taken[1] - taken[0]
    assert min(2 * half, MOST) >= counted["known"]
    assert max(2 * half - MOST, 0) == counted["dropped"]
