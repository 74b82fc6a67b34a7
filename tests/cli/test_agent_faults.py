"""What becomes of an agent whose sources or rules fail: cannot be opened, raise, hang, or send rubbish."""

import re
import signal
import time

import pytest

from falcohost.host.supervision.signals import SAME
from falcohost.testing.waiting import SLOWNESS

ONLY_NUMBERS = ["--enable-source", "numbers"]

#: Seconds in which an agent ends that is told to.
END = 3 * SLOWNESS


def test_a_worker_that_does_not_end_is_killed(agent, setup):
    """A source that does not come back is killed, at a second signal at once; the agent ends all the same.

    What it has said before is out by then, though no event has followed.
    """
    running = agent(*setup(numbers={"deaf": True}), *ONLY_NUMBERS)
    running.wait_for_alerts(1)
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("SIGINT received, exiting...")
    time.sleep(2 * SAME)  # or it counts as the same signal

    assert running.end() == 0
    assert "event source 'numbers' does not end; killing its worker" in running.stderr
    assert "Events detected: 1" in running.stdout


def test_a_source_that_cannot_be_opened(agent, setup):
    """If no source can be opened, the agent ends with 1 and the source's sentence, without an empty summary."""
    running = agent(*setup(numbers={"refuse": "there are no numbers; buy some"}), *ONLY_NUMBERS)

    assert running.wait() == 1
    assert running.stderr.splitlines()[-1] == "Error: there are no numbers; buy some"
    assert "starting it again" not in running.stderr
    assert running.stdout == ""


def test_one_source_of_two_that_cannot_be_opened(agent, setup, tmp_path, until):
    """The other source runs; the one that failed is tried again until it can be opened."""
    (tmp_path / "block").touch()
    running = agent(*setup(numbers={"refuse_once": str(tmp_path / "block")}))
    running.wait_for("event source 'numbers'")
    running.wait_for("cannot be opened: not yet; starting it again in 0.2 s")
    until(lambda: "Other (value=1)" in running.stdout)
    (tmp_path / "block").unlink()

    until(lambda: "Counted (value=1)" in running.stdout)
    assert running.end() == 0


def test_a_bug_while_opening(agent, setup):
    """An exception that is no SourceError is told with its type, without a traceback."""
    running = agent(*setup(numbers={"stumble": True}), *ONLY_NUMBERS)

    assert running.wait() == 1
    assert running.stderr.splitlines()[-1] == "Error: KeyError: 'a bug in open'"
    assert "Traceback" not in running.stderr


TROUBLE = """
- rule: Trouble
  desc: Raises for odd numbers.
  condition: number.trouble > 0
  output: Even (value=%number.value)
  priority: INFO
  source: numbers
- rule: In the output
  desc: Raises when its alert is made.
  condition: number.value > 4
  output: Even (trouble=%number.trouble)
  priority: INFO
  source: numbers
- rule: Sound
  desc: Fires on every number.
  condition: number.value > 0
  output: Sound (value=%number.value)
  priority: INFO
  source: numbers
"""


@pytest.fixture(scope="module", autouse=True)
def stalled(module_home):
    """Return an agent whose source stops behind six numbers.

    It runs beside all tests of this file: it takes seconds until a source counts as stalled.
    """
    more = "json_output: true\nrule_matching: all\nfalcohost: {source_timeout: 5}"
    settings = {"deaf": 6, "interval": 0.01}
    return module_home.agent(*module_home.setup(more, rules=TROUBLE, numbers=settings), *ONLY_NUMBERS)


def test_a_rule_that_raises_costs_its_own_alerts_only(agent, setup):
    """The log names the rule and its field, at once and with their number at the end; other rules fire all the same."""
    running = agent(*setup("rule_matching: all", rules=TROUBLE, numbers={"count": 6}), *ONLY_NUMBERS)

    assert running.wait() == 0
    fired = [line.partition("Informational ")[2] for line in running.alerts]
    assert [f"Sound (value={number})" for number in range(1, 7)] == [line for line in fired if "Sound" in line]
    assert [f"Even (value={number})" for number in (2, 4, 6)] == [line for line in fired if "Even (value" in line]
    assert ["Even (trouble=6)"] == [line for line in fired if "trouble" in line]
    because, bug = ", because of the field number.trouble", ": RuntimeError: a bug in a field ("
    for rule, count in (("Trouble", 3), ("In the output", 1)):
        said = f"rule '{rule}' could not be evaluated on a number event (1 so far){because}{bug}"
        assert 1 == running.stderr.count(said)
        assert 1 == running.stderr.count(
            f"rule {rule} (number.trouble) could not be evaluated on {count} events in all"
        )
    assert ["   Trouble (number.trouble): 3", "   In the output (number.trouble): 1"] == running.stdout.splitlines()[
        -2:
    ]
    assert "Event source 'numbers' has ended: 6 events received, 0 lost, a rule failed on 3 of them" in running.stderr


def test_the_first_rule_counts_although_one_before_it_raises(agent, setup):
    """Where the first match counts, a rule that fails is none."""
    running = agent(*setup(rules=TROUBLE, numbers={"count": 3}), *ONLY_NUMBERS)

    assert running.wait() == 0
    fired = [line.partition("Informational ")[2] for line in running.alerts]
    assert ["Sound (value=1)", "Even (value=2)", "Sound (value=3)"] == fired


def test_what_failed_is_told_at_the_end_of_a_run_that_is_stopped(agent, setup):
    """A run that ends by a signal tells it too."""
    running = agent(*setup("rule_matching: all", rules=TROUBLE), *ONLY_NUMBERS)
    running.wait_for_alerts(10)

    assert 0 == running.end()
    assert re.search(r"rule Trouble \(number.trouble\) could not be evaluated on [0-9]+ events in all", running.stderr)


def test_failures_of_a_worker_that_was_replaced_are_in_the_summary(agent, setup, until):
    """The summary counts the failures of all workers of a run."""
    running = agent(*setup("rule_matching: all", rules=TROUBLE, numbers={"fail_at": 10}), *ONLY_NUMBERS)
    until(lambda: running.stdout.count("Sound (value=9)") >= 2)
    running.wait_for("ValueError: a bug in the source; starting it again in 0.4 s")

    assert 0 == running.end()
    assert failures(running) >= 10


def failures(running):
    """Return on how many events the rule ``Trouble`` failed, as the summary of an agent that has ended says."""
    return int(re.search(r"^   Trouble \(number.trouble\): ([0-9]+)$", running.stdout, re.MULTILINE)[1])


def test_a_worker_that_sends_rubbish_is_killed(agent, setup):
    """The supervisor survives a worker that does not speak its language; the other source does not notice."""
    running = agent(*setup("json_output: true", numbers={"babble": True}))
    running.wait_for("its worker sent an invalid message")
    seen = len(running.alerts)
    running.wait_for_alerts(seen + 5)

    assert running.end() == 0
    assert "Traceback" not in running.stderr


def test_a_source_that_does_not_come_back(stalled, module_home, until):
    """It is reported by the log and an alert, and its worker is replaced, which still says what it has counted."""
    running = stalled
    alert = until(lambda: [one for one in running.alerts if one["source"] == "internal"])[0]

    assert "Falcohost internal: source stalled" == alert["rule"]
    seconds = alert["output_fields"]["seconds"]
    assert seconds >= 5  # on a busy machine it is looked for later
    assert {"source": "numbers", "seconds": seconds} == alert["output_fields"]
    assert re.search(r"is stalled: it has not come back from reading for more than \d+ s", running.stderr)
    running.wait_for("worker failed: killed by SIGKILL; starting it again at once")
    running.wait_for("Event source 'numbers' is open again")
    stats = until(lambda: re.search("numbers: open for.*", module_home.run("stats").stdout, re.DOTALL))[0]
    assert 6 <= int(re.search(r"([0-9]+) (?:events )?received", stats)[1])

    running.end()
    assert failures(running) >= 3  # without a report of what has stalled, that of the first number
