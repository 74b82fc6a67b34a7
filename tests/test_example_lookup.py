"""The example of a lookup: a table of assets decides about events of a JSON log, and is shown in alerts."""

import json
import os
import subprocess

import pytest

from falcohost.testing.agent import PROGRAM
from falcohost.testing.waiting import PATIENCE

CONFIG = """
load_plugins: [json, assets]
plugins:
  - name: json
    init_config: {sources: [{name: logins, open_params: logins.jsonl, time: at}]}
  - name: assets
    init_config: {source: logins, file: assets.csv}
json_output: true
log_syslog: false
engine: {kind: nodriver}
"""

RULES = """
- rule: Login to the bank's machines by others
  desc: Somebody logs in to a machine that is not of their team.
  condition: json.value[/type] = login and not asset.value[team] in (shop, web)
  output: "%json.value[/user] on %json.value[/host] of %asset.value[team]"
  priority: NOTICE
  source: logins
"""

#: What it reads of a record, it reads by way of the lookup.
ONLY_ASSETS = """
- rule: Login to the bank's machines
  desc: Somebody logs in to a machine of the bank.
  condition: asset.value[team] = bank
  output: "%json.value[/user] on %json.value[/host] of %asset.value[team]"
  priority: NOTICE
  source: logins
"""

TABLE = "host,team,site\nweb1,web,north\ndb1,bank,south\ndb2,,south\n"


@pytest.fixture
def run(root, tmp_path):
    """Return a function that runs the agent over logins to machines, and returns its exit status and its output."""
    info = tmp_path / "site" / "falcohost_assets-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: falcohost-assets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nassets = falcohost_assets\n")
    paths = os.pathsep.join([str(tmp_path / "site"), str(root / "examples" / "falcohost-assets")])
    state = str(tmp_path / "state")

    def run(*hosts, config=CONFIG, rules=RULES):
        (tmp_path / "falco.yaml").write_text(config)
        (tmp_path / "rules.yaml").write_text(rules)
        lines = ({"type": "login", "user": "ann", "host": host, "at": "2026-03-01T12:00:00Z"} for host in hosts)
        (tmp_path / "logins.jsonl").write_text("\n".join(map(json.dumps, lines)))
        return subprocess.run(
            [PROGRAM, "-c", "falco.yaml", "-r", "rules.yaml"], capture_output=True, text=True, cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": paths, "FALCOHOST_STATE_DIR": state}, timeout=PATIENCE, check=False,
        )  # fmt: skip

    return run


def test_a_table_decides(run, tmp_path):
    """Machines in the table are of their team; those with no team there, or not in it, are of none."""
    (tmp_path / "assets.csv").write_text(TABLE)
    done = run("web1", "db1", "db2", "mail1")
    alerts = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    assert 0 == done.returncode, done.stderr
    assert [
        {"json.value[/user]": "ann", "json.value[/host]": host, "asset.value[team]": team}
        for host, team in (("db1", "bank"), ("db2", None), ("mail1", None))
    ] == [{name: value for name, value in alert["output_fields"].items() if "[" in name} for alert in alerts]


def test_a_table_is_asked_by_what_the_rules_do_not_name(run, tmp_path):
    """The machine's name is decoded for the lookup, though no condition reads it."""
    (tmp_path / "assets.csv").write_text(TABLE)
    done = run("web1", "db1", rules=ONLY_ASSETS)
    alerts = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    assert ["ann on db1 of bank"] == [alert["output"].split("Notice ")[1] for alert in alerts]


@pytest.mark.parametrize(
    ("table", "config", "error"),
    [
        (None, CONFIG, "the table of assets cannot be read: [Errno 2] No such file or directory: 'assets.csv'"),
        (TABLE, CONFIG.replace("assets.csv", "assets.csv, column: name"), "assets.csv has no column 'name'"),
        (TABLE, CONFIG.replace(", file: assets.csv", ""), "the plugin 'assets' needs 'file'"),
        (TABLE, CONFIG.replace("source: logins, ", ""), "the plugin 'assets' needs 'source'"),
        (TABLE, CONFIG.replace("file:", "field: 'json.valu[/x]', file:"), "nonexistent field json.valu[/x]"),
    ],
)
def test_what_is_wrong_is_said(run, tmp_path, table, config, error):
    """A table or a setting that cannot be is said in a sentence."""
    if table is not None:
        (tmp_path / "assets.csv").write_text(table)
    done = run("web1", config=config)

    assert 0 != done.returncode
    assert error in done.stderr
