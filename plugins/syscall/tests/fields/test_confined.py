"""Every field in the agent itself, whose worker may do little: no getter needs more than it may."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.fields import ArgKind
from falcohost_syscall.fields.rows import FIELDS

#: Connects to the port of a service, opens a file, and starts a program.
SCRIPT = """
import os, socket, sys
with socket.socket() as one: one.connect_ex(("127.0.0.1", 631))
os.close(os.open("/etc/passwd", os.O_RDONLY))
os.execv("/bin/true", ["true", sys.argv[1]])
"""
MARK = "falcohost-every-field"


#: An argument of each kind.
ARGUMENTS = {ArgKind.NONE: "", ArgKind.INDEX: "[0]", ArgKind.KEY: "[x]", ArgKind.ANY: "[0]"}


@pytest.fixture(scope="module")
def names() -> list[str]:
    """Return all fields that outputs may have."""
    shown = [one for one in (*GENERIC_FIELDS, *FIELDS) if not one.filter_only and not one.dotted]
    return [f"{one.name}{ARGUMENTS[one.arg]}" for one in shown]


@pytest.fixture(scope="module")
def agent(start_agent, names, tmp_path_factory):
    """Return an agent whose rule shows every field."""
    output = " ".join(f"%{name}" for name in names)
    rule = {"rule": "Every field", "desc": "Each of them.", "priority": "NOTICE", "output": output}
    rule["condition"] = f"evt.type in (connect, openat, execve) and proc.args contains {MARK}"
    rules = tmp_path_factory.mktemp("rules") / "every.yaml"
    rules.write_text(json.dumps([rule]))
    return start_agent(rules)


def test_every_field_can_be_shown(agent, names):
    """The alerts have all fields, and the worker that has read them has not done what its job does not need."""
    subprocess.run([sys.executable, "-ISc", SCRIPT, MARK], check=True)
    agent.wait_for(lambda alert: alert["output_fields"].get("proc.name") == "true")
    told = [alert for alert in agent.alerts if alert["rule"] == "Every field"]
    connected = next(alert for alert in told if alert["output_fields"]["evt.type"] == "connect")

    assert set() == set(names) - {*connected["output_fields"]}
    assert "ipp" == connected["output_fields"]["fd.sproto"]
    assert [] == [alert["output"] for alert in agent.alerts if alert["rule"].startswith("Falcohost internal")]
