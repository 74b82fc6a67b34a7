"""The examples of subscribers: an agent runs them over a source that counts, and one takes the other's alerts."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time

import pytest

from falcohost import ResourceSubject
from falcohost.errors import StateError
from falcohost.store.history import History, Wanted
from falcohost.testing.waiting import wait_until

CONFIG = """
load_plugins: [dummy, repeated, intended]
plugins:
  - {{name: dummy, init_config: {{count: {count}, interval: {interval}}}}}
  - {{name: repeated, init_config: {{count: 3, seconds: 60}}}}
  - {{name: intended, init_config: {{filename: {folder}/intended, rules: ["Repeated: Large even number"]}}}}
engine: {{kind: nodriver}}
json_output: true
log_syslog: false
falcohost: {{state_dir: {folder}/state}}
"""

MODULES = {
    "dummy": "falcohost_dummy.plugin",
    "repeated": "falcohost_repeated",
    "intended": "falcohost_intended",
    "missing": "falcohost_missing",
}


@pytest.fixture
def environment(root, tmp_path):
    """Return an environment in which the examples are installed, as pip would leave them on disk."""
    for name, module in MODULES.items():
        info = tmp_path / "site" / f"falcohost_{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: falcohost-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[falcohost.plugins]\n{name} = {module}\n")
    paths = [tmp_path / "site", *(root / "examples" / f"falcohost-{name}" for name in MODULES)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "TZ": "UTC"}


@pytest.fixture
def begin(tmp_path):
    """Return a function that writes a configuration, and returns the command of an agent over so many numbers."""

    def begin(count, interval):
        (tmp_path / "falco.yaml").write_text(CONFIG.format(count=count, interval=interval, folder=tmp_path))
        return [sys.executable, "-m", "falcohost", "-c", "falco.yaml"]

    return begin


@pytest.fixture
def run(environment, tmp_path, begin):
    """Return a function that runs the agent over so many numbers, and returns the alerts that it prints."""

    def run(count, interval=0):
        command = begin(count, interval)
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        assert 0 == done.returncode, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    return run


def stored(folder, source):
    """Return the alerts of *source* in the store."""
    history = History(folder / "state")
    found = list(history.alerts(Wanted(source=source)))
    history.close()
    return found


def told(folder, source):
    """Return the same, or nothing while the store is being made."""
    with contextlib.suppress(StateError):
        return stored(folder, source)


def of_rule(alerts, rule):
    """Return the alerts of one rule."""
    return [alert for alert in alerts if alert["rule"] == rule]


def test_a_correlation_and_an_action(run, tmp_path):
    """Seven alerts about one subject are two times three, and about each of these it is written what would be done."""
    alerts = run(20)

    repeated = of_rule(alerts, "Repeated: Large even number")
    assert [7, 2, 2] == [len(of_rule(alerts, "Large even number")), len(repeated), len(alerts) - 9]
    assert ("repeated", "2025-01-01T00:00:12.000000000Z") == (repeated[0]["source"], repeated[0]["time"])
    assert "Large even number: 3 times within 60 s | dummy.parity even" == repeated[0]["output"].partition("Notice ")[2]
    assert ["Would close dummy.parity even, because of: Repeated: Large even number"] * 2 == [
        alert["output"].partition("Notice ")[2] for alert in of_rule(alerts, "Action intended")
    ]
    written = [json.loads(line) for line in (tmp_path / "intended").read_text().splitlines()]
    assert ["close dummy.parity even"] * 2 == [line["do"] for line in written]
    assert [line["alert"] for line in written] == [
        alert["output_fields"]["intended.alert"] for alert in of_rule(alerts, "Action intended")
    ]


def test_the_state_is_that_of_all_runs(run, tmp_path):
    """Alerts that a subscriber has not answered yet are kept, and count in the next run."""
    first, second = run(11), run(14)

    assert [0, 2] == [len(of_rule(alerts, "Repeated: Large even number")) for alerts in (first, second)]
    raised = stored(tmp_path, "repeated")
    assert [(ResourceSubject("dummy.parity", "even"),)] * 2 == [alert.subjects for alert in raised]


def test_what_is_missing_is_told(begin, environment, tmp_path):
    """The clock brings about an alert while the source has nothing to tell; it is stored as from that time."""
    command = begin(20_000, 0.05)
    config = (tmp_path / "falco.yaml").read_text()
    missing = '  - {name: missing, init_config: {rules: {"Large even number": 60}}}\nengine:'
    config = config.replace("[dummy, repeated, intended]", "[dummy, missing]").replace("engine:", missing)
    (tmp_path / "falco.yaml").write_text(config)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path, env=environment) as agent:
        wait_until(lambda: told(tmp_path, "missing"))
        agent.terminate()
    found = stored(tmp_path, "missing")[0]

    assert ("Missing: Large even number", "Large even number has not fired for 60 s") == (found.rule, found.message)
    first = stored(tmp_path, "dummy")[0]
    assert found.time - first.time >= 60_000_000_000


def test_kills_lose_and_double_nothing(run, begin, environment, tmp_path, soak):
    """Killed again and again while it counts, the agent has each alert once in the end, also those of subscribers."""
    dice, count = random.Random(3), soak(20_000, 4_000)  # so many that no run comes to the end before the last
    for _ in range(soak(40, 2)):
        with subprocess.Popen(begin(count, 0.05), stdout=subprocess.DEVNULL, cwd=tmp_path, env=environment) as agent:
            time.sleep(dice.uniform(0.3, 1.3))
            agent.kill()
    run(count)

    of_rule, repeated, intended = (stored(tmp_path, source) for source in ("dummy", "repeated", "intended"))
    assert [f"Counted a large even number | number={n} parity=even" for n in range(8, count + 1, 2)] == [
        alert.message for alert in of_rule
    ]
    assert [alert.id for alert in of_rule[2::3]] == [alert.fields["repeated.last"] for alert in repeated]
    assert [alert.id for alert in repeated] == [alert.fields["intended.alert"] for alert in intended]
    written = [json.loads(line)["alert"] for line in (tmp_path / "intended").read_text().splitlines()]
    assert [alert.id for alert in repeated] == list(dict.fromkeys(written))
