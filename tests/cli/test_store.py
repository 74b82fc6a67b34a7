"""``falcohost store``: while an agent runs, and behind one."""

import contextlib
import json
import re
import sqlite3

import pytest

NUMBERS = ("--enable-source", "numbers")


@pytest.fixture(scope="module")
def ended(module_home):
    """Run an agent that counts to five."""
    running = module_home.agent(*module_home.setup(numbers={"count": 5, "interval": 0}), *NUMBERS)
    assert running.wait() == 0
    return running


def test_what_is_stored(ended, module_home):
    """Alerts by source, outputs with what waits for them, and the cursors."""
    done = module_home.run("store")
    assert re.search(r"state\.db: 5 alerts, [\d.]+ [KM]iB\n", done.stdout)
    assert re.search(r"\n  numbers: 5 alerts, from \d{4}-\d\d-\d\d [\d:]+ to ", done.stdout)
    assert "\n  output stdout: has all\n" in done.stdout
    found = json.loads(module_home.run("store", "--json").stdout)
    assert (5, 5, ["numbers"]) == (found["alerts"], found["last"], [one["source"] for one in found["sources"]])


def test_check_and_repair(ended, module_home):
    """A store that is whole is said to be so; a repair keeps the alerts, and the old file."""
    assert (0, "The store is whole.\n") == ((done := module_home.run("store", "check")).returncode, done.stdout)
    assert {"problems": []} == json.loads(module_home.run("store", "check", "--json").stdout)
    before = module_home.run("alerts", "--json").stdout
    done = module_home.run("store", "repair")
    assert re.fullmatch(
        r"The new store has 5 alerts; all could be read\. The old one is /.*/state\.db\.broken-\w+\.1\.\n", done.stdout
    )
    assert before == module_home.run("alerts", "--json").stdout


def test_a_mark_that_is_lost(ended, module_home):
    """A repair names the outputs that have no mark any more, since they will not get what they have not had."""
    path = re.match(r"(.*?): ", module_home.run("store").stdout)[1]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (mark,) = connection.execute("SELECT mark FROM subscribers WHERE name = 'stdout'").fetchone()
        connection.execute("DELETE FROM subscribers WHERE name = 'stdout'")
        connection.commit()
    said = module_home.run("store", "repair").stdout

    assert "\nOutput stdout has no mark in it, and will get later alerts only; " in said
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO subscribers VALUES ('stdout', ?, NULL)", (mark,))
        connection.commit()
    assert "no mark" not in module_home.run("store", "repair").stdout


def test_damage(agent, falcohost, setup, monkeypatch):
    """Damage ends the check with 1 and a line about what to do; while an agent runs nothing is repaired."""
    monkeypatch.setattr("falcohost.store.directory.ENDING", 0.05)  # seconds that the repair waits for the agent's end
    running = agent(*setup(numbers={"interval": 0.01}), *NUMBERS)
    running.wait_for_alerts(1)
    refused = falcohost("store", "repair")
    assert (1, "") == (refused.returncode, refused.stdout)
    assert re.search(r"Error: the state directory .* is in use by another falcohost", refused.stderr)
    assert 0 == falcohost("store").returncode
    running.end()

    path = re.match(r"(.*?): ", falcohost("store").stdout)[1]
    with open(path, "r+b") as file:  # noqa: PTH123
        file.seek(4096)
        file.write(b"\xff" * 4096)
    checked = falcohost("store", "check")
    assert 1 == checked.returncode
    assert "is damaged: stop the agent, and run falcohost store repair" in checked.stderr
    assert checked.stdout
    assert 0 == falcohost("store", "repair").returncode
    assert 0 == falcohost("store", "check").returncode
    again = agent(*setup(numbers={"count": 5}), *NUMBERS)
    assert (0, False) == (again.wait(), "in memory only" in again.stderr)


def test_export(ended, module_home, tmp_path):
    """Alerts are written whole with their numbers, chosen as falcohost alerts does; no file is written over."""
    lines = [json.loads(line) for line in module_home.run("store", "export").stdout.splitlines()]
    assert [1, 2, 3, 4, 5] == [one.pop("seq") for one in lines]
    assert lines == [json.loads(line) for line in module_home.run("alerts", "--json").stdout.splitlines()]

    path = tmp_path / "alerts.jsonl"
    assert f"5 alerts are in {path}.\n" == module_home.run("store", "export", "--to", path).stdout
    assert (0o600, 5) == (path.stat().st_mode & 0o777, len(path.read_text().splitlines()))
    again = module_home.run("store", "export", "--to", path)
    assert (1, f"Error: {path} exists already; name a new file\n") == (again.returncode, again.stderr)
    assert "" == module_home.run("store", "export", "--source", "others").stdout
    assert 5 == len(module_home.run("store", "export", "--rule", "Every*", "--since", "1h").stdout.splitlines())
