"""When the machine's accounts change, what rules ask for is worked out anew, by a process that is confined by then."""

from __future__ import annotations

import os
import time

RULES = """
- rule: Made by a user
  desc: The mode is compared with a pattern that takes RE2.
  condition: evt.type = openat and user.name = nosuch and evt.arg.mode glob "04???"
  output: made
  priority: NOTICE
"""


def test_patterns_can_be_compiled_anew(start_agent, tmp_path):
    """No process of the agent ends of it."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    agent = start_agent(rules)
    os.utime("/etc/passwd")
    time.sleep(4)  # it looks twice a second, and has nothing to say if all is well

    assert "has ended" not in agent.log
