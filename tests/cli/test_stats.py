"""``falcohost stats`` and a running agent: what it tells, to whom, and that asking disturbs nothing."""

import json
import os
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


@pytest.fixture
def running(agent, setup):
    """Run an agent whose source ``numbers`` counts, for as long as the test takes."""
    started = agent(*setup(numbers={"interval": 0.02, "lose": 3}), *NUMBERS)
    started.wait_for("Ready after")
    started.wait_for_alerts(5)
    return started


@pytest.fixture
def told(falcohost, running, until):
    """Return a function that returns what ``stats --json`` prints once the worker has reported."""

    def told(*arguments):
        found = json.loads(falcohost("stats", "--json", *arguments).stdout)
        return found if found["sources"][0]["received"] else None

    return lambda *arguments: until(lambda: told(*arguments))


def connect(path):
    """Return a connection to the agent's socket."""
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(5)
    link.connect(str(path / "state" / "agent.sock"))
    return link


def test_numbers_of_a_source(running, told):
    """A source's numbers are those that its worker has reported, with the matches of each event type."""
    found = told()
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


def test_text(running, told, falcohost):
    """For people there is a line for each source, with what it says and its event types, each output, and the store."""
    told()
    lines = falcohost("stats").stdout.splitlines()

    assert lines[0].startswith(f"falcohost 0.1.0, process {running.process.pid}, up ")
    assert lines[2].startswith("numbers: open for ")
    assert lines[3].endswith(" passed, 0 filtered, 3 lost (thrown away 3)")
    assert lines[4] == "  numbers come one by one"
    assert [line.split()[0] for line in lines[5:7]] == ["event", "number"]
    assert lines[-2:] == ["output stdout: 0 alerts wait", lines[-1]]
    assert lines[-1].startswith("store: ")


def test_restarts_are_told_of(agent, setup, falcohost, until):
    """A source whose worker fails is shown as down, with the cause, and how often it was started again."""
    agent(*setup(numbers={"fail_at": 3}), *NUMBERS).wait_for("starting it again in 0.8 s")

    def source():
        return json.loads(falcohost("stats", "--json").stdout)["sources"][0]

    found = until(lambda: (one := source())["state"] == "down" and one)
    assert found["error"] == "ValueError: a bug in the source"
    assert found["restarts"] >= 2


def test_watch_counts_from_look_to_look(running, environment, tmp_path):
    """With --watch each line has what came since the line before."""
    command = [sys.executable, "-m", "falcohost", "stats", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        first, second = json.loads(process.stdout.readline()), json.loads(process.stdout.readline())
        process.terminate()

    for found in (first, second):
        assert 0.9 < found["span"] < 3.2
        assert 10 < found["sources"][0]["received"] <= found["span"] / 0.02
        assert found["sources"][0]["lost"] == {"thrown away": 0}


def test_cost_is_measured_only_meanwhile(agent, setup, falcohost, until):
    """A source is told to measure for as long as somebody asks, a worker that was restarted meanwhile too."""
    running = agent(*setup(numbers={"interval": 0.02, "ns": 100}), *NUMBERS)
    running.wait_for_alerts(1)
    found = json.loads(falcohost("stats", "--cost", "1.5", "--json").stdout)["sources"][0]["types"]["number"]

    assert found["timed"] > 10
    assert found["ns"] == 100 * found["timed"]
    link = connect(running.folder.parent)
    link.sendall(b'{"measure":true}\n')
    until(lambda: running.stderr.count("measures: True") == 2)
    os.kill(running.workers()[0], 9)
    until(lambda: running.stderr.count("measures: True") == 3)
    link.close()
    until(lambda: running.stderr.count("measures: False") == 2)


def test_where_no_agent_runs(falcohost, running, told):
    """Without an agent there is a sentence that says where it was looked for, also after one has ended."""
    told()
    running.end()
    done = falcohost("stats")

    assert done.returncode == 1
    assert done.stderr.startswith("Error: no falcohost runs with its state in ")
    assert "--state-dir" in done.stderr


def test_only_its_own_user_can_ask(running, told, tmp_path):
    """The socket is nobody else's, and lies in a folder that nobody else can enter."""
    told()
    path = tmp_path / "state" / "agent.sock"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_killed_agent_leaves_nothing_in_the_way(agent, setup, running, told):
    """An agent that is started where one was killed is found."""
    told()
    running.process.kill()
    running.process.wait()
    again = agent(*setup(numbers={}), *NUMBERS)
    again.wait_for("Ready after")

    assert told()["pid"] == again.process.pid


@pytest.mark.parametrize("request_", [b"rubbish\n", b"[1]\n", b'{"stop":true}\n', b"{}\n{}\n", b"x" * 5000])
def test_rubbish_ends_the_connection(running, told, tmp_path, request_):
    """Whoever sends what is no request is left, and the agent goes on."""
    link = connect(tmp_path)
    link.sendall(request_)

    assert not _is_answered(link)
    assert told()["sources"][0]["state"] == "open"


def test_clients_that_do_not_read(running, told, tmp_path, until):
    """A client that asks on without reading is left."""
    link = connect(tmp_path)

    def is_left():
        try:
            link.sendall(b"{}\n")
        except BrokenPipeError:
            return True
        return False

    assert until(is_left, seconds=30)
    assert told()["sources"][0]["state"] == "open"


def test_too_many_clients(running, tmp_path):
    """The seventeenth at once is not served, until another has left."""
    links = [connect(tmp_path) for _ in range(17)]
    for link in links:
        link.sendall(b"{}\n")

    assert [_is_answered(link) for link in links] == [True] * 16 + [False]
    links[0].close()
    assert any(_is_served(tmp_path) for _ in range(50))  # the agent may see the one that comes before the one that went


def _is_served(tmp_path):
    with connect(tmp_path) as link:
        try:
            link.sendall(b"{}\n")
        except BrokenPipeError:
            return False
        return _is_answered(link)


def _is_answered(link):
    """Return whether the agent answers on this connection, and does not end it."""
    try:
        return link.recv(1) == b"{"
    except ConnectionResetError:
        return False


def test_a_path_longer_than_a_sockets_name(agent, setup, falcohost, tmp_path, environment):
    """A state directory whose name is longer than the address of a socket may be does not matter."""
    deep = tmp_path / ("d" * 120) / "state"
    running = agent(*setup(numbers={}, config=f"falcohost: {{state_dir: {deep}}}\n"), *NUMBERS)
    running.wait_for("Ready after")
    done = falcohost("stats", "--json", "--state-dir", str(deep))

    assert json.loads(done.stdout)["pid"] == running.process.pid


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_only_where_it_is_wanted(running, told, on_a_terminal, variables, coloured):
    """On a terminal there is colour, unless NO_COLOR is set."""
    told()

    assert (b"\x1b[" in on_a_terminal("stats", **variables)) is coloured
