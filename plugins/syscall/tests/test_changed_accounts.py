"""When the machine's accounts change, what rules ask for is worked out anew, by a process that is confined by then."""

from __future__ import annotations

import os
import time
from pathlib import Path

from falcohost.testing.waiting import wait_until

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


def has_re2(pid):
    """Return whether a process has RE2, a library."""
    return "/_re2." in Path(f"/proc/{pid}/maps").read_text()


def test_patterns_that_came_with_new_rules(start_agent, tmp_path):
    """A loader has RE2 only if the rules had such patterns at its start; otherwise another one prepares all anew."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace(' and evt.arg.mode glob "04???"', ""))
    agent = start_agent(rules, settings={"log_level": "info"})
    assert not any(map(has_re2, agent.workers()))
    rules.write_text(RULES)
    agent.wait_for_log(lambda log: "is open again" in log)
    os.utime("/etc/passwd")
    agent.wait_for_log(lambda log: "another loader prepares everything anew: the rules have patterns now" in log)
    wait_until(lambda: len([pid for pid in agent.workers() if has_re2(pid)]) == 2, lambda: agent.log)

    assert "has ended" not in agent.log
