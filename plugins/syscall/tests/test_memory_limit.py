"""What the agent's processes take with three rules: a saving that is lost again is noticed."""

from __future__ import annotations

import pytest

from falcohost.host import immortal
from falcohost.testing.rollup import kib

#: Most megabytes of memory of their own, without files, rings and the helpers, which are not the same on each machine.
LIMIT = 41.5

RULES = """
- {rule: O, desc: d, condition: evt.type = openat and fd.name startswith /srv/memory/, output: o, priority: INFO}
- {rule: E, desc: d, condition: evt.type = execve and proc.name = falcohost-memory, output: e, priority: INFO}
- {rule: C, desc: d, condition: evt.type = connect and fd.sport = 4711, output: c, priority: INFO}
"""


@pytest.mark.skipif(not immortal.is_possible(), reason="the limit is for a Python that has immortal objects")
def test_memory_of_all_processes(start_agent, tmp_path):
    """Supervisor, store, outputs, loader and worker together stay below the limit."""
    (tmp_path / "rules.yaml").write_text(RULES)
    agent = start_agent(tmp_path / "rules.yaml")

    assert sum(kib("Pss_Anon", pid) for pid in (agent.process.pid, *agent.processes())) / 1024 < LIMIT
