"""New rules while events stream in: nothing between the old rules and the new is missed, and nothing is told twice."""

import signal

from marks import Marks

from falcohost.testing.agent import Agent

RULES = """
- rule: Mark
  desc: A marked file is opened.
  condition: evt.type in (open, openat, openat2) and fd.name startswith "{folder}/mark-"
  output: mark (file=%fd.name)
  priority: NOTICE
"""

#: All files differ, so a thousand of them between two reloads are no flood.
SETTINGS = {"watch_config_files": False, "falcohost": {"fold": {"enabled": False}}}

#: Stands behind the rule at every second reload, so that the calls which are collected change, and the filters.
MORE = """
- rule: More
  desc: Wants other calls, and other files.
  condition: evt.type in (connect, unlinkat, mkdir, setuid) or (evt.type = openat and fd.name endswith /{number})
  output: more (type=%evt.type)
  priority: DEBUG
"""


def test_every_mark_is_seen_once(tmp_path, bpf, soak):
    """Rules are exchanged again and again while files are made: each alerts exactly once."""
    rules = tmp_path / "rules.yaml"
    text = RULES.format(folder=tmp_path)
    rules.write_text(text)
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        agent.wait_until_ready()
        with Marks(tmp_path / "mark-", 0.001) as marks:
            for number in range(soak(200, 6)):
                rules.write_text(text + (MORE.format(number=number) if number % 2 == 0 else ""))
                before = agent.log.count("now uses the new rules")
                agent.process.send_signal(signal.SIGHUP)
                agent.wait_for_log(lambda log, before=before: log.count("now uses the new rules") > before)
        last = marks.name(marks.made - 1)
        agent.wait_for(lambda alert: alert["output_fields"].get("fd.name") == last)
        assert agent.stop() == 0
    finally:
        agent.kill()

    seen = [alert["output_fields"]["fd.name"] for alert in agent.alerts if alert["rule"] == "Mark"]
    assert seen == [*map(marks.name, range(marks.made))]
