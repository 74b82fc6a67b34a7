"""Lost system calls are logged or raise alerts, as configured."""

import os
import subprocess
import sys

import pytest

from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.host.plugins import load_plugins
from falcohost.host.settings import source_settings
from falcohost.testing.waiting import PATIENCE
from falcohost_syscall.drops import FIELDS, fields


def policy(text):
    """Return the policy under the configuration *text*."""
    plugins = load_plugins([], parse(read_text(text, "test")).for_plugins)
    return plugins.sources()["syscall"].drops(source_settings(plugins)["syscall"])


def test_defaults():
    """Without a word about it, losses above a tenth raise an alert."""
    found = policy("")

    assert (0.1, ("alert",), 0.03333, 1) == (found.threshold, found.actions, found.rate, found.burst)


@pytest.mark.parametrize(
    ("text", "threshold", "actions"),
    [
        ("actions: [log, alert, log]", 0.1, ("log", "alert")),
        ("threshold: .5, actions: exit", 0.5, ("exit",)),
        ("threshold: .5, simulate_drops: true", 0.0, ("alert",)),
        ("actions: []", 0.1, ("ignore",)),
    ],
)
def test_policy(text, threshold, actions):
    """The policy is what syscall_event_drops says; simulated losses are above any threshold."""
    found = policy(f"syscall_event_drops: {{{text}}}")

    assert (threshold, actions) == (found.threshold, found.actions)


def test_fields_of_falcos_alert():
    """Each cause has a field: Falco's, and one of its own where Falco has none."""
    found = fields({"buffer_open_exit": 20, "ring_full": 5})

    assert found == dict.fromkeys(FIELDS, "0") | {
        "ebpf_enabled": "1",
        "n_drops_buffer_open_exit": "20",
        "n_drops_buffer_total": "25",
        "n_drops_ring_full": "5",
    }


def test_a_start_that_fails(tmp_path):
    """An agent that may not load the probe ends with the reason alone; nothing can have been dropped yet."""
    (tmp_path / "rules.yaml").write_text(
        "- {rule: R, desc: d, condition: evt.type = open, output: o, priority: INFO, source: syscall}"
    )
    command = [sys.executable, "-m", "falcohost", "-r", "rules.yaml"]
    done = subprocess.run(
        ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", *command],
        cwd=tmp_path,
        env=os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert "\nError: Loading the probe needs root" in done.stderr
    assert "event drop" not in done.stderr
