"""The agent with a lookup whose answers take a while: alerts wait for them, stops and new rules wait for alerts."""

import os
import signal
import time

RULES = """
- rule: Named
  desc: Fires on numbers by their name.
  condition: number.value < 4 and not number.name = n2
  output: number %number.value is called %number.name
  priority: NOTICE
  source: numbers
- rule: Mark
  desc: Fires on numbers that come behind those, and asks for no name.
  condition: number.value in (10, 150)
  output: mark %number.value
  priority: NOTICE
  source: numbers
"""
ONLY_NUMBERS = ["--enable-source", "numbers"]
CONFIG = "json_output: true\nfalcohost: {lookups: {wait: %s}}"


def told(alerts):
    """Return what alerts with a name say, and what they say that they lack."""
    named = [alert for alert in alerts if alert["rule"] != "Mark" and alert["source"] != "internal"]
    return [(alert["output"].split("number ")[1], alert["output_fields"].get("falcohost.missing")) for alert in named]


def wait_for_mark(running, until, number):
    """Return the alerts once the mark with that number is among them, before which all smaller numbers were read."""
    return until(lambda: any(alert["output"].endswith(f"mark {number}") for alert in running.alerts) and running.alerts)


def test_alerts_wait_for_the_answer(agent, setup):
    """The answer decides, and is in the alert."""
    running = agent(*setup(CONFIG % 2, RULES, {"names_after": 0.3, "count": 20, "interval": 0.04}), *ONLY_NUMBERS)

    assert 0 == running.wait()
    assert [("1 is called n1", None), ("3 is called n3", None)] == told(running.alerts)


def test_an_answer_wakes_a_source_that_waits(agent, setup):
    """The alert comes with the answer, though the source has nothing to say for long."""
    settings = {"names_after": 0.2, "names_wake": True, "interval": 20, "at_once": True}
    running = agent(*setup(CONFIG % 2, RULES, settings), *ONLY_NUMBERS)
    alert = running.wait_for_alerts(1)[0]
    late = time.time() - alert["output_fields"]["evt.time"] / 1e9

    assert [("1 is called n1", None)] == told([alert])
    assert late < 10  # seconds before the next number comes


def test_what_does_not_come_in_time_is_missing(agent, setup):
    """At the limit the field is absent, and the alert says so."""
    running = agent(*setup(CONFIG % 0.2, RULES, {"names_after": 60, "interval": 0.05}), *ONLY_NUMBERS)
    alerts = running.wait_for_alerts(4)

    missing = ["number.name"]
    assert [(f"{number} is called <NA>", missing) for number in (1, 2, 3)] == told(alerts)


def test_a_stop_waits_for_what_waits(agent, setup, until):
    """Events that wait when the agent is told to stop are reported, at the latest when their time is over."""
    running = agent(*setup(CONFIG % 1.5, RULES, {"names_after": 60, "interval": 0.01}), *ONLY_NUMBERS)
    wait_for_mark(running, until, 10)

    assert 0 == running.end()
    missing = ["number.name"]
    assert [(f"{number} is called <NA>", missing) for number in (1, 2, 3)] == told(running.alerts)


def test_the_end_of_a_source_waits_for_what_waits(agent, setup):
    """A source that has come to its end has what waits decided before the agent ends."""
    settings = {"names_after": 0.5, "count": 3, "interval": 0, "cursor": True}
    running = agent(*setup(CONFIG % 2, RULES, settings), *ONLY_NUMBERS)

    assert 0 == running.wait()
    assert [("1 is called n1", None), ("3 is called n3", None)] == told(running.alerts)


def test_a_kill_loses_nothing_that_waits(agent, setup, until):
    """Of a source that rewinds, what waited in a worker that was killed is read again, and told once."""
    running = agent(*setup(CONFIG % 2, RULES, {"names_after": 0.7, "interval": 0.01, "cursor": True}), *ONLY_NUMBERS)
    wait_for_mark(running, until, 10)
    (worker,) = running.workers()
    os.kill(worker, signal.SIGKILL)
    alerts = wait_for_mark(running, until, 150)  # when all that was read again has long been decided

    assert ["1 is called n1", "3 is called n3"] == sorted(text for text, _ in told(alerts))


def test_new_rules_wait_for_what_waits(agent, setup, until):
    """The rules that made a candidate decide it, though others are taken over meanwhile."""
    settings = {"names_after": 1.2, "interval": 0.01}
    running = agent(*setup(CONFIG % 2.5, RULES, settings), *ONLY_NUMBERS)
    wait_for_mark(running, until, 10)
    setup(CONFIG % 2.5, RULES.replace("Named", "Other").replace("< 4", "< 0"), settings)
    running.process.send_signal(signal.SIGHUP)
    alerts = running.wait_for_alerts(4)
    running.wait_for("now uses the new rules")
    rules = [alert["rule"] for alert in alerts if alert["source"] != "internal"]

    assert ["Mark", "Named", "Named"] == sorted(rules[:3])
