"""``falcohost silence``: while an agent runs, and without one."""

import json

import pytest

from falcohost.testing.waiting import wait_until

NUMBERS = ("--enable-source", "numbers")


def line_of(agent, text):
    """Wait until the agent has printed a line with *text*; return it."""
    found = []

    def look():
        found[:] = [line for line in agent.stdout.splitlines() if text in line]
        return found

    wait_until(look, lambda: agent.stdout + agent.stderr)
    return found[0]


@pytest.fixture
def configured(home, setup):
    """Return the arguments of an agent that counts on."""
    return [*setup(numbers={"interval": 0.01}), *NUMBERS]


@pytest.fixture
def silence(falcohost, configured):
    """Return a function that runs ``falcohost silence`` with that configuration."""
    return lambda *arguments: falcohost(*configured[:4], "silence", *arguments)


def test_added_and_removed(agent, configured, silence, falcohost):
    """Alerts are held back while the silence lasts; what begins and ends, and how many there were, is told."""
    running = agent(*configured)
    running.wait_for_alerts(3)
    done = silence("add", "--rule", "Every number", "--where", "number.value > 0", "--for", "1h", "--note", "a\ntest")
    assert (0, "Silence 1 goes on for 1h.\n", "") == (done.returncode, done.stdout, done.stderr)
    line_of(running, "silence 1 of the rule 'Every number' where number.value > 0: its alerts are delivered to nobody")
    wait_until(lambda: len(falcohost("alerts", "--held").stdout.splitlines()) > 5)
    assert 0 == silence("remove", "1", "--by", "Ann").returncode
    told = line_of(running, "alerts of this rule were silenced since")
    line_of(running, "silence 1 of the rule 'Every number' where number.value > 0: it has ended (by Ann (uid")
    running.end()

    held = [json.loads(line) for line in falcohost("alerts", "--held", "--json").stdout.splitlines()]
    assert {"silence 1"} == {one["held"] for one in held}
    assert f"({len(held)} alerts of this rule" in told
    values = {one["output_fields"]["number.value"] for one in held}
    assert not [line for line in running.alerts if any(line.endswith(f"(value={value})") for value in values)]
    assert "[held back: silence 1]" in falcohost("alerts", "--held").stdout
    listed = json.loads(silence("list", "--all", "--json").stdout)
    assert [(1, "Every number", len(held), 0)] == [(o["number"], o["rule"], o["count"], o["left"]) for o in listed]
    assert "Nothing is silenced.\n" == silence("list").stdout


def test_without_an_agent(agent, configured, silence):
    """A silence that is added while no agent runs holds from its start on, and is told then."""
    first = agent(*configured)
    first.wait_for_alerts(1)
    first.end()
    assert 0 == silence("add", "--rule", "Every number", "--for", "1h").returncode
    assert "Every number\n  " in (shown := silence("list").stdout)
    assert " left; 0 alerts silenced; by " in shown
    again = agent(*configured)
    line_of(again, "silence 1 of the rule 'Every number': its alerts are delivered to nobody")
    again.end()

    assert not [line for line in again.alerts if "Counted" in line]


def test_mistakes(configured, silence):
    """What is wrong is said in a sentence, with what would mend it."""
    for arguments, problem in (
        (("--rule", "Every numbr", "--for", "1h"), "no rule is called 'Every numbr'; did you mean 'Every number'"),
        (("--rule", "Every number", "--for", "31d"), "--for 31d: give a time such as 30m, 2h or 7d, 30 days at most"),
        (("--rule", "Every number", "--for", "soon"), "--for soon: give a time such as"),
        (
            ("--rule", "Every number", "--for", "1h", "--where", "evt.num = 1"),
            "--where: alerts of this rule do not have the field evt.num; they have: number.value",
        ),
        (("--rule", "Every number", "--for", "1h", "--where", "number.vlue = 1"), "did you mean number.value?"),
        (("--rule", "Every number", "--for", "1h", "--where", "number.value ="), "--where: "),
        (("--rule", "Every number", "--for", "1h"), "there is no state yet"),
        (("--rule", "Falcohost internal: too many alerts", "--for", "1h"), "no rule is called"),
        (("--rule", "Falcohost internal: too many alerts", "--for", "1h", "--own"), "there is no state yet"),
    ):
        done = silence("add", *arguments)
        assert 1 == done.returncode
        assert problem in done.stderr
        assert 1 == done.stderr.count("\n")


def test_a_rule_of_another_configuration(agent, configured, falcohost, tmp_path):
    """A rule that only the running agent has is known from its alerts; otherwise it is said what was read."""
    running = agent(*configured)
    running.wait_for_alerts(1)
    (tmp_path / "other.yaml").write_text("engine: {kind: nodriver}\nload_plugins: [numbers]\n")
    (tmp_path / "none.yaml").write_text(
        "- {rule: R, desc: d, condition: number.value = 1, output: o, priority: INFO, source: numbers}\n"
    )
    other = ("-c", str(tmp_path / "other.yaml"), "-r", str(tmp_path / "none.yaml"), "silence", "add", "--for", "1h")
    assert 0 == falcohost(*other, "--rule", "Every number", "--where", "number.value > 1000000").returncode
    done = falcohost(*other, "--rule", "Every number", "--where", "evt.num = 1")
    assert "alerts of this rule do not have the field evt.num; they have: number.value" in done.stderr
    done = falcohost(*other, "--rule", "Every numbr")
    problem = (
        f"no rule is called 'Every numbr'; did you mean 'Every number'? (read: {tmp_path / 'none.yaml'}; -c FILE names"
    )
    assert (1, True) == (done.returncode, problem in done.stderr)
    running.end()
