"""The command reads payloads of GitHub's webhooks and prints alerts, and ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "falcohost"

CONFIG = """
plugins:
  - name: github
    library_path: libgithub.so
    init_config: '{{"websocketServerURL": "https://falco.example.com", "useHTTPs": true}}'
    open_params: {path}
load_plugins: [github]
json_output: true
log_syslog: false
"""


def test_alerts(corpus, tmp_path):
    """A file of payloads becomes alerts."""
    payload = {
        "webhook_type": "repository",
        "action": "publicized",
        "repository": {"html_url": "https://github.com/octo-org/app", "owner": {"login": "octo-org"}},
        "organization": {"login": "octo-org"},
        "sender": {"login": "mona"},
    }
    lines = [{**payload, "action": "renamed"}, payload]
    (tmp_path / "payloads.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "falco.yaml").write_text(CONFIG.format(path=tmp_path / "payloads.jsonl"))

    done = subprocess.run(
        [PROGRAM, "-c", "falco.yaml", "-r", corpus / "rules" / "github.yaml", "--enable-source", "github"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    (alert,) = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert ("Private Repository Becoming Public", "Critical") == (alert["rule"], alert["priority"])
    fields = {name: value for name, value in alert["output_fields"].items() if name != "evt.time"}
    assert {
        "github.repo.name": "octo-org/app",
        "github.repo.url": "https://github.com/octo-org/app",
        "github.owner": "octo-org",
        "github.org": "octo-org",
        "github.user": "mona",
    } == fields
