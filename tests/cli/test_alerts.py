"""``falcohost alerts``, and what it shows after the agent was killed again and again."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

NUMBERS = ("--enable-source", "numbers")


@pytest.fixture(scope="module")
def seen(module_home):
    """Run an agent that counts to five, with two sources."""
    arguments = module_home.setup(numbers={"count": 5, "interval": 0}, others={"count": 2, "interval": 0})
    running = module_home.agent(*arguments)
    assert running.wait() == 0
    return running


@pytest.fixture
def alerts(seen, module_home):
    """Return a function that runs ``falcohost alerts`` about what that agent detected."""
    return lambda *arguments: module_home.run("alerts", *arguments)


def test_shows_what_was_detected(seen, alerts):
    """The lines are those that the agent printed, with the date before the time."""
    done = alerts()
    days = {line[:11] for line in done.stdout.splitlines()}

    assert sorted(line[11:] for line in done.stdout.splitlines()) == sorted(seen.alerts)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d ", day) for day in days)
    assert (done.returncode, done.stderr) == (0, "")


def test_chooses(alerts):
    """Source, rule with wildcards, age and number choose among the alerts."""
    assert alerts("--source", "others").stdout.count("Other (value=") == 2
    assert alerts("--rule", "Every n*").stdout.count("Counted") == 5
    assert alerts("--source", "numbers", "-n", "2").stdout.split("\n")[0].endswith("Counted (value=4)")
    assert len(alerts("--since", "1h").stdout.splitlines()) == 7
    assert alerts("--since", "2100-01-01").stdout == ""
    assert alerts("--since", "9999-01-01").stdout == ""
    assert len(alerts("--since", "99999999999d").stdout.splitlines()) == 7
    assert len(alerts("-n", "99999999999999999999").stdout.splitlines()) == 7
    assert alerts("--rule", "a\udcff").stdout == alerts("--source", "a\udcff").stderr == ""


def test_json_has_the_id(alerts):
    """JSON lines are those of the outputs, with the id that makes a repeated alert harmless."""
    found = [json.loads(line) for line in alerts("--json").stdout.splitlines()]

    assert len({alert["id"] for alert in found}) == 7
    assert {alert["rule"] for alert in found} == {"Every number", "Every other"}


def test_follows(agent, setup, environment, tmp_path):
    """With --follow alerts are printed as they are stored."""
    running = agent(*setup(numbers={"interval": 0.01}), *NUMBERS)
    running.wait_for_alerts(1)
    command = [sys.executable, "-m", "falcohost", "alerts", "--follow", "-n", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        values = [int(process.stdout.readline().rpartition("=")[2].rstrip(")\n")) for _ in range(5)]
        process.terminate()

    assert values == list(range(values[0], values[0] + 5))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--since", "yesterday"), "Error: --since yesterday: give a time such as 2026-11-25T14:00, or an age"),
        (("--state-dir", "/nowhere"), "Error: there are no alerts yet: /nowhere/state.db does not exist"),
        (("-n", "0"), "Error: Invalid value for '-n' / '--last': 0 is not in the range x>=1."),
    ],
)
def test_mistakes(falcohost, arguments, error):
    """A mistake is a sentence, with the mend."""
    done = falcohost("alerts", *arguments)

    assert done.stderr.startswith(error)
    assert done.returncode == 1


def test_json_has_subjects(alerts):
    """``--json`` says what an alert is about, and from which file its rule is, whatever the configuration says."""
    (line,) = alerts("--json", "--source", "numbers", "-n", "1").stdout.splitlines()
    found = json.loads(line)

    assert [{"type": "resource", "kind": "number", "name": "5"}] == found["subjects"]
    assert "Fires on every number." == found["metadata"]["description"]
    assert found["metadata"]["file"].endswith("rules.yaml")


def test_delivered_json_has_subjects_where_configured(agent, setup):
    """With falcohost.json_include_subjects outputs say it too."""
    config = "json_output: true\nfalcohost: {json_include_subjects: true}"
    running = agent(*setup(config, numbers={"count": 1}), *NUMBERS)

    assert 0 == running.wait()
    (alert,) = running.alerts
    assert [{"type": "resource", "kind": "number", "name": "1"}] == alert["subjects"]
    assert "Fires on every number." == alert["metadata"]["description"]


def test_delivered_json_has_the_id_where_configured(agent, setup, falcohost):
    """With falcohost.json_include_id outputs have the id under which the alert is stored."""
    running = agent(*setup("json_output: true\nfalcohost: {json_include_id: true}", numbers={"count": 1}), *NUMBERS)

    assert 0 == running.wait()
    (alert,) = running.alerts
    (stored,) = _lines(falcohost)
    assert json.loads(stored)["id"] == alert["id"]


def test_a_store_that_is_being_made_has_no_alerts_yet(falcohost, tmp_path):
    """A state file without tables, as there is for a moment at the first start, is not of another version."""
    (tmp_path / "state.db").touch()
    done = falcohost("alerts", "--state-dir", str(tmp_path))

    assert f"Error: there are no alerts yet: {tmp_path}/state.db is being made; try again\n" == done.stderr
    assert 1 == done.returncode


def test_killed_at_any_moment(agent, setup, falcohost, soak):
    """Supervisor and worker are killed at random moments while events come; each alert is stored exactly once."""
    moments = random.Random(7)
    arguments = (*setup(numbers={"interval": 0.002, "cursor": True}), *NUMBERS)
    for turn in range(soak(300, 3)):
        running = agent(*arguments)
        running.wait_for_alerts(moments.randint(1, 60))
        if turn % 2:
            os.kill(running.workers()[0], signal.SIGKILL)
            time.sleep(moments.uniform(0.15, 0.5))
        running.process.kill()
        running.wait()

    fields = [json.loads(line)["output_fields"] for line in _lines(falcohost)]
    stored = [one["number.value"] for one in fields if "number.value" in one]  # the others tell of ended workers
    assert stored == list(range(1, len(stored) + 1))
    assert len(stored) > turn


def test_outputs_miss_nothing(agent, setup, soak, until):
    """After the agent was killed, the next run prints what its output had not printed: none is missing."""
    arguments = (*setup(numbers={"interval": 0.002, "cursor": True}), *NUMBERS)
    printed = []
    for _ in range(soak(50, 2)):
        running = agent(*arguments)
        running.wait_for_alerts(5)
        left = running.children()
        running.process.kill()
        running.wait()
        until(lambda left=left: not any(Path(f"/proc/{pid}").exists() for pid in left))  # they tell of it first
        printed += running.stdout.rpartition("\n")[0].splitlines()  # of the last line perhaps only a part
    last = agent(*arguments)
    last.wait_for_alerts(5)
    last.end()
    printed += last.alerts

    values = [int(line.rpartition("=")[2].rstrip(")")) for line in printed if "the supervisor has ended" not in line]
    assert sorted(set(values)) == list(range(1, values[-1] + 1))


def _lines(falcohost):
    return falcohost("alerts", "--json").stdout.splitlines()


SECRETIVE = """
- rule: Hides its reason
  desc: The output shows nothing of what the condition read.
  condition: number.value in (2, 3) and not number.value = 3
  output: A number
  priority: NOTICE
  source: numbers
"""


def test_a_stored_alert_is_explained(agent, setup, falcohost):
    """The JSON of a stored alert says all that its condition read, so that its rule is explained without a gap."""
    running = agent(*setup("json_output: true", rules=SECRETIVE, numbers={"count": 5}), *NUMBERS)
    assert 0 == running.wait()
    (stored,) = _lines(falcohost)

    (explained,) = json.loads(
        falcohost(
            "-c", "falco.yaml", "rules", "explain", "rules.yaml", "--json", "--event", "-", stdin=stored.encode()
        ).stdout
    )
    assert explained["event"]["fires"] is True
    assert {"number.value": 2} == json.loads(stored)["condition_fields"]
    assert "condition_fields" not in running.alerts[0]


def test_delivered_json_has_condition_fields_where_configured(agent, setup):
    """With falcohost.json_include_condition_fields outputs have them too."""
    config = "json_output: true\nfalcohost: {json_include_condition_fields: true}"
    running = agent(*setup(config, rules=SECRETIVE, numbers={"count": 2}), *NUMBERS)

    assert 0 == running.wait()
    assert [{"number.value": 2}] == [alert["condition_fields"] for alert in running.alerts]
