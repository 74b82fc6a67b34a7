"""The environment that the agent was started with stays what the configuration reads, over reloads and restarts."""

import signal

RULES = """
- rule: The {0} rule
  desc: Fires on every number.
  condition: number.value > 0
  output: "{0}: %static.where"
  priority: NOTICE
  source: numbers
"""

CONFIG = "json_output: true\nstatic_fields: {where: '${PLACE} and ${PLACE}'}\n"


def test_variables_of_the_configuration(agent, home, setup, until):
    """They have their values in the first rules, in new ones, and after a restart in place."""
    home.environment["PLACE"] = "\N{SNOWMAN}"
    numbers = {"count": 0, "interval": 0.1}
    running = agent(*setup(CONFIG, RULES.format("first"), numbers=numbers))

    def told(word):
        text = f"{word}: \N{SNOWMAN} and \N{SNOWMAN}"
        until(lambda: text in running.stdout, lambda: running.stderr)

    told("first")
    setup(CONFIG, RULES.format("second"), numbers=numbers)
    running.process.send_signal(signal.SIGHUP)
    told("second")
    running.wait_for("now uses the new rules")

    setup(CONFIG + "falcohost: {fold: {after: 99}}\n", RULES.format("third"), numbers=numbers)
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("restarting...")
    told("third")
    assert running.end() == 0


def test_the_name_of_the_host(agent, home, setup):
    """FALCO_HOSTNAME is the host's name in alerts and in the field, which the worker reads."""
    home.environment["FALCO_HOSTNAME"] = "node-7"
    running = agent(*setup("json_output: true\n", RULES.format("first").replace("%static.where", "%evt.hostname")))
    (found, *_) = running.wait_for_alerts(1)

    assert "node-7" == found["hostname"]
    assert found["output"].endswith("first: node-7")
    assert running.end() == 0
