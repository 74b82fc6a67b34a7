"""``falcohost upgrade``: the running agent goes over to what is installed now, or says why it does not."""

import pytest

from falcohost.store.history import History, Wanted
from falcohost.testing.waiting import wait_until

ONLY_NUMBERS = ("--enable-source", "numbers")

#: What the next version of the plugin has beside the present one.
NEXT = "\nlogging.getLogger('falcohost').warning('this is the next version')\n"

#: What is appended to the plugin and to the configuration, and what is wrong with it.
BROKEN = (
    ("this is no Python", "", "invalid syntax"),
    ("import there_is_no_such_module", "", "unknown event source: numbers"),
    (
        "real = SourceSpec\n"
        "SourceSpec = lambda *these, **more: real(*these, **more, modules=('there_is_no_such_module',))",
        "",
        "falcohost is not installed as it has to be: there_is_no_such_module",
    ),
    ("", "falcohost: {names: wrong}", "falcohost.names"),
)

FAILURE = "Falco internal: hot restart failure"


@pytest.fixture
def running(agent, setup, own_site):
    """Return an agent that counts without an end, with a plugin of its own."""
    running = agent(*setup("json_output: true", numbers={"interval": 0.01, "cursor": True}), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    return running


@pytest.fixture
def plugin(own_site):
    """Return the file of the installed plugin."""
    return own_site / "falcohost_numbers.py"


def numbers(folder):
    """Return the numbers of all stored alerts, in order."""
    history = History(folder / "state")
    try:
        messages = [alert.message for alert in history.alerts(Wanted())]
    finally:
        history.close()
    return [int(text.partition("value=")[2].rstrip(")")) for text in messages if "value=" in text]


def goes_on(folder):
    """Wait until the agent has stored more."""
    before = len(numbers(folder))
    wait_until(lambda: len(numbers(folder)) > before)


def test_it_goes_over(running, plugin, program, tmp_path):
    """The same process runs the new code; each number is told once; the command waits for it."""
    plugin.write_text(plugin.read_text() + NEXT)
    for _ in range(2):
        done = program("upgrade")

        assert (0, "") == (done.returncode, done.stderr)
        assert done.stdout.startswith("The agent is now falcohost ")
        assert done.stdout.endswith(": numbers is open.\n")
    goes_on(tmp_path)
    assert 0 == running.end()
    counted = numbers(tmp_path)

    assert list(range(1, len(counted) + 1)) == counted
    assert "this is the next version" in running.stderr
    assert 3 == running.stderr.count("Ready after")


def test_what_would_not_start(running, plugin, program, tmp_path):
    """The agent goes on with the code and the configuration that it has; both command and alert say why."""
    whole, config = plugin.read_text(), (tmp_path / "falco.yaml").read_text()
    for code, more, why in BROKEN:
        plugin.write_text(f"{whole}\n{code}\n")
        (tmp_path / "falco.yaml").write_text(f"{config}\n{more}\n")
        done = program("upgrade", "--state-dir", str(tmp_path / "state"))

        assert 1 == done.returncode
        assert done.stderr.startswith("Error: the agent goes on as it is: ")
        assert why in done.stderr
        wait_until(lambda why=why: any(one["rule"] == FAILURE and why in one["output"] for one in running.alerts))
        goes_on(tmp_path)
    assert 1 == running.stderr.count("Ready after")


def test_nobody_runs(program):
    """Without an agent the command says so."""
    done = program("upgrade")

    assert 1 == done.returncode
    assert "no falcohost is running" in done.stderr
