"""``falcohost alerts verdict``: while an agent runs, and without one."""

import json
import os
import signal

import pytest

from falcohost.host.storing.process import NAME as STORE

NUMBERS = ("--enable-source", "numbers")


@pytest.fixture
def running(agent, setup):
    """Return an agent that counts on."""
    running = agent(*setup(numbers={"interval": 0.01}), *NUMBERS)
    running.wait_for_alerts(3)
    return running


def test_kept(running, falcohost, home):
    """A verdict is kept by the running agent and without one; alerts and their JSON show it, and who gave it when."""

    def stored():
        return [json.loads(line) for line in falcohost("alerts", "--json", "-n", "100000").stdout.splitlines()]

    one, two, three = (alert["id"] for alert in stored()[:3])
    done = falcohost("alerts", "verdict", one, "false", "--note", "tests\x1b[2J", "--by", "Ann")
    assert (0, f"Alert {one} has the verdict false.\n", "") == (done.returncode, done.stdout, done.stderr)
    os.kill(running.service(STORE), signal.SIGKILL)
    running.wait_for("is started again")
    assert 0 == falcohost("alerts", "verdict", two, "true").returncode
    running.end()
    done = falcohost("alerts", "verdict", three, "benign", "--by", "Ben")
    assert (0, f"Alert {three} has the verdict benign.\n") == (done.returncode, done.stdout)

    found = [alert.get("verdict") for alert in stored()[:4]]
    assert [("false", "tests\x1b[2J", "Ann"), ("benign", "", "Ben")] == [
        (found[at]["verdict"], found[at]["note"], found[at]["by"]) for at in (0, 2)
    ]
    assert ("true", None) == (found[1]["verdict"], found[3])
    assert {os.getuid()} == {one["uid"] for one in found[:3]}
    lines = falcohost("alerts", "--ids").stdout.splitlines()
    assert lines[0].startswith(f"{one} 20")
    assert "Counted (value=1)  [false: tests?[2J, by Ann, 20" in lines[0].replace("\\x1b", "?").replace("�", "?")
    fourth = next(line for line in lines if "Counted (value=4)" in line)
    assert "[" not in fourth
    assert 1 == len(falcohost("alerts", "--verdict", "benign").stdout.splitlines())

    stats = falcohost("-c", str(home.folder / "falco.yaml"), "rules", "stats", str(home.folder / "rules.yaml"))
    assert "\n  33% Every number: 1 false, 1 benign, 1 true\n" in stats.stdout
    data = json.loads(
        falcohost(
            "-c", str(home.folder / "falco.yaml"), "rules", "stats", str(home.folder / "rules.yaml"), "--json"
        ).stdout
    )
    assert {"Every number": {"true": 1, "false": 1, "benign": 1, "false_share": 0.3333}} == data["verdicts"]


def test_mistakes(running, falcohost, tmp_path):
    """An id that is not there, a verdict that is none, and a state that is none: a sentence each, and 1 or 2."""
    done = falcohost("alerts", "verdict", "nothing", "true")
    assert 1 == done.returncode
    assert "Error: no alert has the id 'nothing'; falcohost alerts --ids prints the ids of alerts\n" == done.stderr
    assert 1 == (done := falcohost("alerts", "verdict", "nothing", "maybe")).returncode
    assert "maybe" in done.stderr
    done = falcohost("alerts", "verdict", "nothing", "true", "--state-dir", str(tmp_path))
    assert (1, True) == (done.returncode, "Error: there is no state yet: " in done.stderr)
