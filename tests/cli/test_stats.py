"""``falcohost stats`` and a running agent: what it tells, to whom, and that asking disturbs nothing."""

import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import sys

import pytest

NUMBERS = ("--enable-source", "numbers")

#: A rule whose alerts all say the same.
MORE_THAN_TEN = """
- rule: Large number
  desc: Fires on numbers from 11 on.
  condition: number.value > 10
  output: Counted
  priority: NOTICE
  source: numbers
"""


def counting(home, until):
    """Start an agent whose source ``numbers`` counts; return it once its worker has reported."""
    started = home.agent(*home.setup(numbers={"interval": 0.02, "lose": 3}), *NUMBERS)
    started.wait_for("Ready after")
    until(lambda: told(home)["sources"][0]["received"])
    return started


def told(home):
    """Return what ``stats --json`` prints."""
    return json.loads(home.run("stats", "--json").stdout)


@pytest.fixture(scope="module")
def running(module_home, until):
    """Return an agent that counts, which no test ends."""
    return counting(module_home, until)


@pytest.fixture
def connect():
    """Return a function that connects to the agent's socket in a folder; all connections are closed in the end."""
    with contextlib.ExitStack() as stack:

        def connect(home):
            link = stack.enter_context(socket.socket(socket.AF_UNIX))
            link.settimeout(60)
            link.connect(str(home.folder / "state" / "agent.sock"))
            return link

        yield connect


def test_numbers_of_a_source(running, module_home):
    """A source's numbers are those that its worker has reported, with the matches of each event type."""
    found = told(module_home)
    (source,) = found["sources"]

    assert found["pid"] == running.process.pid
    assert (source["name"], source["state"], source["restarts"]) == ("numbers", "open", 0)
    assert 0 < source["types"]["number"]["matched"] <= source["passed"] <= source["received"]
    assert source["lost"] == {"thrown away": 3}
    assert found["store"]["last"] >= source["types"]["number"]["matched"]
    assert [output["name"] for output in found["outputs"]] == ["stdout"]


def test_numbers_of_rules(agent, setup, falcohost, until):
    """Of each rule there is how often it matched, and how many matches are counted in the alert of another."""
    numbers = {"ns": 100, "interval": 0.01}
    agent(*setup("falcohost: {fold: {after: 5, window: 3600}}", MORE_THAN_TEN, numbers), *NUMBERS).wait_for(
        "Ready after"
    )

    def source():
        (found,) = json.loads(falcohost("stats", "--json").stdout)["sources"]
        return found if found["rules"] else None

    found = until(source)
    kind, rule = found["types"]["number"], found["rules"]["Large number"]
    assert (kind["passed"] - 10, 10) == (kind["matched"], kind["unmatched"])
    assert {"matched": kind["matched"], "folded": max(kind["matched"] - 6, 0)} == rule
    heads, row = table(falcohost("stats").stdout, "rule")
    assert "rule matched folded" == heads
    assert row.startswith("Large number ")


def table(text, first):
    """Return the lines of the table whose first column is called *first*, each blank one."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{first} "))
    return lines[start : lines.index("", start)]


def test_text(running, module_home):
    """For people there is a line for each source, with what it says and its event types, each output, and the store."""
    lines = module_home.run("stats").stdout.splitlines()

    assert lines[0].startswith(f"falcohost 0.1.0, process {running.process.pid}, up ")
    assert lines[2].startswith("numbers: open for ")
    assert lines[3].endswith(" passed, 0 filtered, 3 lost (thrown away 3)")
    assert lines[4] == "  numbers come one by one"
    assert [line.split()[0] for line in lines[5:7]] == ["event", "number"]
    assert re.match(r"output stdout: \d+ alerts waiting", lines[-2])
    assert lines[-1].startswith("store: ")


def test_watch_counts_from_look_to_look(running, module_home):
    """With --watch the first line has what came since the command began to look."""
    command = [sys.executable, "-m", "falcohost", "stats", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=module_home.environment) as process:
        found = json.loads(process.stdout.readline())
        process.terminate()

    assert 0.9 < found["span"]
    assert 0 < found["sources"][0]["received"] <= found["span"] / 0.02
    assert found["sources"][0]["lost"] == {"thrown away": 0}


def test_cost_is_measured_only_meanwhile(home, agent, setup, falcohost, connect, until):
    """A source is told to measure for as long as somebody asks, a worker that was restarted meanwhile too."""
    running = agent(*setup(numbers={"interval": 0.02, "ns": 100}), *NUMBERS)
    running.wait_for_alerts(1)
    found = json.loads(falcohost("stats", "--cost", "1", "--json").stdout)["sources"][0]["types"]["number"]

    assert found["timed"] > 0
    assert found["ns"] == 100 * found["timed"]
    assert found["worked"] > 0
    assert found["read_ns"] > 0
    assert found["match_ns"] > 0
    link = connect(home)
    link.sendall(b'{"measure":true}\n')
    until(lambda: running.stderr.count("measures: True") == 2)
    os.kill(running.workers()[0], 9)
    until(lambda: running.stderr.count("measures: True") == 3)
    link.close()
    until(lambda: running.stderr.count("measures: False") == 2)


def test_where_no_agent_runs(home, until):
    """Without an agent there is a sentence that says where it was looked for, also after one has ended."""
    counting(home, until).end()
    done = home.run("stats")

    assert done.returncode == 1
    assert done.stderr.startswith("Error: no falcohost is running with the state directory ")
    assert "--state-dir" in done.stderr


def test_only_its_own_user_can_ask(running, module_home):
    """The socket lies in a folder that nobody else can enter."""
    assert stat.S_IMODE((module_home.folder / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_only_where_it_is_wanted(running, module_home, on_a_terminal, variables, coloured):
    """On a terminal there is colour, unless NO_COLOR is set."""
    state = module_home.environment["FALCOHOST_STATE_DIR"]

    assert ("\x1b[" in on_a_terminal("stats", "--state-dir", state, **variables)) is coloured
