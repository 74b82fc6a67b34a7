"""The agent in a flood of a source of these tests: what is folded, what is not, and that nothing is left untold."""

import signal

import pytest

ONLY_NUMBERS = ["--enable-source", "numbers"]

#: A rule whose alerts all say the same.
RULES = """
- rule: Any number
  desc: Fires on every number.
  condition: number.value > 0
  output: Counted
  priority: NOTICE
  source: numbers
"""

CONFIG = "json_output: true\nfalcohost: {fold: {after: 5, window: 3600%s}}"
FLOOD = {"count": 300, "interval": 0}


def counts(alerts):
    """Return for how many matches each alert stands."""
    return [alert["output_fields"].get("falcohost.count", 1) for alert in alerts]


@pytest.fixture(scope="module")
def flooded(module_home):
    """Return an agent that has ended behind a flood of two sources, of which one has a cursor."""
    both = RULES + RULES.replace("Any number", "Any other").replace("source: numbers", "source: others")
    running = module_home.agent(*module_home.setup(CONFIG % "", both, FLOOD, FLOOD | {"cursor": True}))
    assert 0 == running.wait()
    return running


def of_source(running, source):
    """Return the alerts of one source."""
    return [alert for alert in running.alerts if alert["source"] == source]


def test_the_end_of_a_source_tells_the_count(flooded):
    """After five alerts the rest is one, and the summary says how often the rule matched."""
    assert [1] * 5 + [295] == counts(of_source(flooded, "numbers"))
    assert "   Any number: 300\n" in flooded.stdout


def test_sources_that_rewind_are_not_folded(flooded):
    """A source with a cursor has each alert told."""
    assert [1] * 300 == counts(of_source(flooded, "others"))


def test_a_source_that_fails_tells_the_count(agent, setup):
    """Matches counted before a failure are reported."""
    running = agent(*setup(CONFIG % "", RULES, FLOOD | {"fail_at": 100}), *ONLY_NUMBERS)
    assert [1] * 5 + [94] == counts(running.wait_for_alerts(6)[:6])


def test_new_rules_begin_anew(agent, setup):
    """Matches counted by the former rules are reported when new rules are loaded."""
    running = agent(*setup(CONFIG % "", RULES, {"interval": 0.01}), *ONLY_NUMBERS)
    running.wait_for_alerts(5)
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("now uses the new rules")
    running.wait_for_alerts(12)  # one is about the reload
    told = counts(of_source(running, "numbers"))

    assert [1] * 5 == told[:5]
    assert told[5] > 1
    assert [1] * 5 == told[6:11]


def test_it_can_be_switched_off(agent, setup):
    """With ``falcohost.fold.enabled: false`` each alert is told."""
    running = agent(*setup(CONFIG % ", enabled: false", RULES, FLOOD), *ONLY_NUMBERS)

    assert 0 == running.wait()
    assert [1] * 300 == counts(running.alerts)


def test_the_usual_setting_leaves_ordinary_numbers_alone(agent, setup):
    """A hundred equal alerts are told as ever."""
    running = agent(*setup("json_output: true", RULES, {"count": 100, "interval": 0}), *ONLY_NUMBERS)

    assert 0 == running.wait()
    assert [1] * 100 == counts(running.alerts)
