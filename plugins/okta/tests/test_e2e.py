"""The command, with Falco's own block for its plugin, reads Okta's events and prints alerts, and ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "falcohost"

CONFIG = """
plugins:
  - name: okta
    library_path: libokta.so
    init_config:
      organization: example
      api_token: not needed for files
    open_params: {path}
load_plugins: [okta]
json_output: true
log_syslog: false
"""

RULE = """
- rule: Push denied
  desc: Fires on the second denied push, whichever user it is about.
  condition: okta.org = example and okta.actor.name = Mallory and okta.mfa.deny.countlast[60] = 2
  output: Denied (user=%okta.actor.name count=%okta.mfa.deny.countlast[60] org=%okta.org)
  priority: NOTICE
  source: okta
"""


def event(second, name):
    """Return a denied push."""
    return {
        "uuid": str(second),
        "published": f"2026-03-01T12:00:{second:02}.000Z",
        "eventType": "user.mfa.okta_verify.deny_push",
        "actor": {"id": "00u1", "displayName": name},
    }


def test_alerts(tmp_path):
    """Counts over several events include those that no rule looks at further."""
    (tmp_path / "logs.json").write_text(json.dumps([event(1, "Alice"), event(2, "Mallory"), event(3, "Mallory")]))
    (tmp_path / "falco.yaml").write_text(CONFIG.format(path=tmp_path / "logs.json"))
    (tmp_path / "rules.yaml").write_text(RULE)

    done = subprocess.run(
        [PROGRAM, "-c", "falco.yaml", "-r", "rules.yaml", "--enable-source", "okta"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    (alert,) = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert ("Push denied", "2026-03-01T12:00:02.000000000Z") == (alert["rule"], alert["time"])
    assert {
        "evt.time": 1_772_366_402_000_000_000,
        "okta.actor.name": "Mallory",
        "okta.mfa.deny.countlast[60]": 2,
        "okta.org": "example",
    } == alert["output_fields"]
