"""A JSON log as a source, as a user has it: a configuration, a rule, the command."""

import json
import os
import subprocess

import pytest

from falcohost.testing.agent import PROGRAM
from falcohost.testing.cli import run_cli
from falcohost.testing.waiting import PATIENCE

CONFIG = """
plugins:
  - name: json
    init_config:
      sources:
        - name: orders
          open_params: {folder}/orders.jsonl
          time: event.created
        - name: mails
          open_params: {folder}/mails.json
          time: sent
          records: messages
load_plugins: [json]
json_output: true
log_syslog: false
"""

RULES = """
- rule: Large order
  desc: An order of more than 100000
  condition: json.value[/event/type] = order and json.value[/total] regex "[1-9][0-9]{5,}.*"
  output: large order (customer=%json.value[/customer/name] total=%json.value[/total] info=%evt.plugininfo)
  priority: WARNING
  source: orders
- rule: Mail to many
  desc: A mail with three addresses
  condition: jevt.value[/to/2] exists and evt.pluginname = json and evt.source = mails
  output: many (%json.value[/to] %json.rawtime)
  priority: NOTICE
  source: mails
"""


def test_rules_on_any_log(tmp_path):
    """Two logs are two sources; each rule fires on the records of its own, with their times."""
    (tmp_path / "falco.yaml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "rules.yaml").write_text(RULES)
    order = {
        "event": {"type": "order", "created": "2026-03-01T12:00:00.5Z"},
        "total": 250000,
        "customer": {"name": "x"},
    }
    (tmp_path / "orders.jsonl").write_text("\n".join(json.dumps(one) for one in [order, {**order, "total": 12}, {}]))
    mails = {"messages": [{"sent": 1772366400, "to": ["a", "b", "c"]}, {"sent": 1772366401, "to": ["a"]}]}
    (tmp_path / "mails.json").write_text(json.dumps(mails, indent=2))

    done = subprocess.run(
        [PROGRAM, "-c", "falco.yaml", "-r", "rules.yaml", "--disable-source", "syscall"],
        capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE, check=False,
        env=os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    alerts = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    large, many = sorted(alerts, key=lambda alert: alert["rule"])
    assert (large["rule"], large["source"], large["time"]) == (
        "Large order",
        "orders",
        "2026-03-01T12:00:00.500000000Z",
    )
    assert large["output_fields"]["json.value[/total]"] == "250000"
    assert json.loads(large["output_fields"]["evt.plugininfo"]) == order
    assert (many["rule"], many["source"], many["time"]) == ("Mail to many", "mails", "2026-03-01T12:00:00.000000000Z")
    assert many["output_fields"]["json.value[/to]"] == '["a","b","c"]'
    assert many["output_fields"]["json.rawtime"] == "1772366400000000000"


def test_a_configured_source_is_known_to_the_commands(tmp_path):
    """The doctor says whether the log can be read; fields lists the source's fields; -V checks its rules."""
    (tmp_path / "falco.yaml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "orders.jsonl").touch()

    def falcohost(*arguments):
        return run_cli("-c", "falco.yaml", *arguments, folder=tmp_path)

    findings = {
        finding["source"]: finding["problem"]
        for finding in json.loads(falcohost("doctor", "--json").stdout)
        if finding["what"] == "open_params can be read"
    }
    assert findings["orders"] is None
    assert "mails.json: No such file or directory" in findings["mails"]
    assert "k8s_audit" not in findings
    assert "json.value[key]" in falcohost("fields", "orders").stdout
    assert '"successful":true' in falcohost("-V", "rules.yaml").stdout


RULE = "- {rule: J, desc: d, condition: 'json.value[/a] = x', output: o, priority: INFO, source: json}"


def test_rules_are_validated_without_a_log(tmp_path):
    """``-V`` knows the source json, which ``run`` knows, whatever is configured."""
    (tmp_path / "rules.yaml").write_text(RULE)
    done = run_cli("-V", "rules.yaml", folder=tmp_path)

    assert (0, "rules.yaml: Ok\n") == (done.returncode, done.stdout)


def test_a_source_that_is_configured_wrong(tmp_path):
    """The agent does not start without it."""
    (tmp_path / "falco.yaml").write_text(
        "plugins: [{name: json, init_config: {sources: [{name: app}]}}]\nload_plugins: [json]\nlog_syslog: false"
    )
    (tmp_path / "rules.yaml").write_text(RULE)
    done = run_cli("-c", "falco.yaml", "-r", "rules.yaml", "--dry-run", folder=tmp_path)

    assert 1 == done.returncode
    assert (
        "json: the source 'app' has neither open_params nor program; set exactly one of them; falcohost does not start"
        in done.stderr
    )


def test_a_log_that_is_not_named(tmp_path):
    """Rules for the source json, and nothing that it could read, end the agent with what is missing."""
    (tmp_path / "falco.yaml").write_text("plugins: [{name: json}]\nlog_syslog: false\nengine: {kind: nodriver}")
    (tmp_path / "rules.yaml").write_text(RULE)
    variables = os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")}
    done = run_cli("-c", "falco.yaml", "-r", "rules.yaml", folder=tmp_path, environment=variables)

    assert 1 == done.returncode
    assert done.stderr.endswith(
        "Error: json: there is nothing to read: name files in open_params, or logs in init_config.sources\n"
    )


@pytest.mark.parametrize("own", [{"open_params": "/var/log/none.jsonl", "follow": True}, {"program": "false"}])
def test_a_configured_source(tmp_path, own):
    """``falcohost run -c`` reads a file as the source that the configuration names, with its settings, to the end."""
    rule = {"rule": "Ordered", "desc": "d", "condition": "json.value[/id] = 7", "output": "%evt.time.iso8601"}
    (tmp_path / "rules.yaml").write_text(json.dumps([rule | {"priority": "INFO", "source": "orders"}]))
    sources = [{"name": "orders", "time": "at", **own}, {"name": "other", "open_params": "/var/log/other.jsonl"}]
    block = {"name": "json", "init_config": {"sources": sources}}
    (tmp_path / "falco.yaml").write_text(json.dumps({"plugins": [block], "load_plugins": ["json"]}))
    (tmp_path / "orders.jsonl").write_text('{"id": 7, "at": "2026-03-01T12:00:00Z"}\n{"id": 8}\n')
    command = [PROGRAM, "run", "-c", "falco.yaml", "-r", "rules.yaml", "--source", "orders", "orders.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path, check=False)

    assert 0 == done.returncode, done.stderr
    assert "2026-03-01T12:00:00" in done.stdout
