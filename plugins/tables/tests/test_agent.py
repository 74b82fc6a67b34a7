"""The agent with tables: their fields decide rules, and changes count while it runs."""

from __future__ import annotations

import json
import os

import pytest

from falcohost.testing.agent import Agent
from falcohost.testing.cli import run_cli
from falcohost.testing.server import Reply
from falcohost.testing.waiting import wait_until

RULES = """
- rule: Web team
  desc: Fires on events of machines that the team has.
  condition: asset.owner["json.value[/ip]"] = web and asset.groups["json.value[/ip]"] intersects (prod, test)
  output: '%json.value[/n] by %asset.owner["json.value[/ip]"] in %asset.groups["json.value[/ip]"]'
  priority: NOTICE
  source: app
- rule: Unknown machine
  desc: Fires on events of machines that nobody has.
  condition: not asset.owner["json.value[/ip]"] exists
  output: "%json.value[/n] unknown"
  priority: NOTICE
  source: app
"""
CSV = "ip,owner,groups\n10.1.0.0/16,web,prod;eu\n10.2.0.0/16,db,prod\n"


class App:
    """An agent that reads the log of an application, and a table of assets."""

    def __init__(self, folder, table) -> None:
        self.log, rules = folder / "log", folder / "rules.yaml"
        self.log.touch()
        rules.write_text(RULES)
        columns = {"owner": "text", "groups": "list"}
        sources = [{"name": "app", "open_params": str(self.log), "follow": True}]
        self.settings = {
            "plugins": [{"name": "json", "init_config": {"sources": sources}}],
            "tables": {"asset": {"match": "network", "columns": columns, **table}},
        }
        self.agent = Agent(folder, [rules], settings=self.settings)
        self._count = 0

    def event(self, ip: str) -> str:
        """Have an event with this address; return what the alert of it says, once it is there."""
        self._count += 1
        number = f"{self._count} "
        with self.log.open("a") as log:
            log.write(json.dumps({"ip": ip, "n": str(self._count)}) + "\n")
        alert = self.agent.wait_for(lambda alert: number in alert["output"] and alert["source"] == "app")
        return alert["output"].partition(f"Notice {number}")[2]


@pytest.fixture
def app(tmp_path):
    """Return a function that starts the agent."""
    apps = []

    def app(**table):
        apps.append(App(tmp_path, table))
        apps[-1].agent.wait_until_ready()
        return apps[-1]

    yield app
    for one in apps:
        one.agent.kill()


def replace(file, text):
    """Put a new file, which only its owner may read, in the place of another."""
    other = file.with_suffix(".new")
    other.write_text(text)
    other.chmod(0o600)
    os.rename(other, file)  # noqa: PTH104


def test_a_table_decides_and_a_new_one_counts_at_once(app, tmp_path):
    """Rows decide conditions and are in outputs; a file that takes the place of another counts within seconds."""
    file = tmp_path / "assets.csv"
    replace(file, CSV)
    running = app(file=str(file))

    assert "by web in (prod,eu)" == running.event("10.1.2.3")
    assert "unknown" == running.event("192.0.2.1")
    replace(file, CSV + "192.0.2.0/24,web,test\n")
    wait_until(lambda: is_known(running, "192.0.2.1"))
    assert "by web in (test)" == running.event("192.0.2.1")


def is_known(running, ip):
    """Return whether an event with this address is no longer of an unknown machine."""
    return running.event(ip) != "unknown"


def test_a_mistake_in_a_table_changes_nothing(app, tmp_path):
    """The agent goes on with the last good table, says what is wrong and where, and takes the mended one."""
    file = tmp_path / "assets.csv"
    replace(file, CSV)
    running = app(file=str(file))
    running.event("10.1.2.3")
    replace(file, CSV + "10.3.0.1/16,web,test\n")
    problem = f"table 'asset': {file}:4: '10.3.0.1/16' is an address within a network: write 10.3.0.0/16"
    running.agent.wait_for_log(lambda log: f"{problem}; the former table stays in use" in log)

    assert "by web in (prod,eu)" == running.event("10.1.2.3")
    alert = running.agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: lookup failing")
    assert problem in alert["output"]
    replace(file, CSV + "10.3.0.0/16,web,test\n")
    running.agent.wait_for_log(lambda log: "table 'asset': works again" in log)
    assert "by web in (test)" == running.event("10.3.1.1")


def test_a_table_that_does_not_come_is_missing(app, tmp_path):
    """Without a table nothing waits: the field is absent, and the alert says that it is missing."""
    running = app(file=str(tmp_path / "none.csv"))
    running.event("10.1.2.3")
    alert = next(alert for alert in running.agent.alerts if alert["rule"] == "Unknown machine")

    assert ["asset.owner[json.value[/ip]]"] == alert["output_fields"]["falcohost.missing"]


def test_a_table_comes_from_a_server(app, serve):
    """It is fetched by the helper, again at the interval, and only if it has changed."""
    now = [CSV]

    def answer(request):
        tag = f'"{hash(now[0])}"'
        is_known = request.headers.get("if-none-match") == tag
        return Reply(304 if is_known else 200, b"" if is_known else now[0].encode(), {"ETag": tag})

    server = serve(answer)
    running = app(url=f"{server.url}/assets.csv", interval=1)

    assert "by web in (prod,eu)" == running.event("10.1.2.3")
    now[0] = CSV + "192.0.2.0/24,web,test\n"
    wait_until(lambda: is_known(running, "192.0.2.1"))
    seen = len(server.requests)
    wait_until(lambda: len(server.requests) > seen + 1)
    assert "by web in (test)" == running.event("192.0.2.1")


def test_doctor_and_the_listing_know_tables(tmp_path):
    """``fields`` lists the fields of tables; ``doctor`` reads the tables, and says what is wrong."""
    good, bad, config = tmp_path / "good.txt", tmp_path / "bad.csv", tmp_path / "falco.yaml"
    good.write_text("a\nb\n")
    bad.write_text("ip\n")
    tables = {"good": {"file": str(good)}, "bad": {"file": str(bad), "columns": ["owner"]}}
    config.write_text(json.dumps({"tables": tables, "stdout_output": {"enabled": True}}))
    listed = run_cli("-c", str(config), "--list=syscall", "-N")
    doctor = run_cli("-c", str(config), "doctor")

    assert {"good.key", "bad.key", "bad.owner"} <= set(listed.stdout.split())
    assert f"the table good can be read from {good} (2 rows)" in doctor.stdout
    assert f"{bad}:1: there is no column 'owner', but ip: correct the name, or add it" in doctor.stdout


def test_a_mistake_in_the_configuration_has_its_line(tmp_path):
    """A table that cannot be has the sentence and the line of the configuration."""
    config = tmp_path / "falco.yaml"
    config.write_text("stdout_output: {enabled: true}\ntables:\n  asset: {fil: /x}\n")
    done = run_cli("-c", str(config), "--dry-run")

    assert 1 == done.returncode
    assert f"{config}:3:3: " in done.stderr
    assert "tables.asset: unknown key fil; did you mean file?" in done.stderr
