"""New rules and configuration of an agent that runs: by SIGHUP, and by files that change."""

import os
import signal

from falcohost.testing.waiting import SLOWNESS

ONLY_NUMBERS = ["--enable-source", "numbers"]

#: Has files checked more often than each second.
WATCHED_OFTEN = ["-o", "falcohost.watch_interval=0.2"]

#: Seconds in which an agent ends that is told to.
END = 3 * SLOWNESS


def change(path, old, new):
    """Replace a text in a file as an editor does: by renaming a new file over it."""
    other = path.with_suffix(".new")
    other.write_text(path.read_text().replace(old, new))
    other.rename(path)


def test_hangup_takes_new_rules(agent, setup, tmp_path, until, soak):
    """SIGHUP goes over to new rules without a restart; no event in between is missed or told twice."""
    running = agent(*setup("json_output: true", numbers={"interval": 0.001}), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    worker = running.workers()
    for turn in range(soak(200, 3)):
        change(tmp_path / "rules.yaml", f"Counted{turn or ''} ", f"Counted{turn + 1} ")
        running.process.send_signal(signal.SIGHUP)
        until(lambda wanted=f"Counted{turn + 1} ": wanted in running.stdout)

    until(lambda: running.workers() == worker)  # a reader is one of them until it has its name
    assert running.end() == 0
    values = [alert["output_fields"]["number.value"] for alert in running.alerts if alert["source"] == "numbers"]
    assert values == list(range(1, len(values) + 1))
    assert running.stderr.count("Ready after") == 1
    assert "Event source 'numbers' now uses the new rules" in running.stderr


def test_changed_rules_are_taken_by_themselves(agent, setup, tmp_path, until):
    """A rules file that changes is taken over without being told, unless watch_config_files is off."""
    command = [*setup(numbers={"interval": 0.2}), *ONLY_NUMBERS, *WATCHED_OFTEN]  # a flood would be folded
    watching = agent(*command)
    resting = agent(*command, "-o", "watch_config_files=false", "-o", f"falcohost.state_dir={tmp_path}/other")
    watching.wait_for_alerts(1)
    resting.wait_for_alerts(1)

    change(tmp_path / "rules.yaml", "Counted", "Numbered")
    until(lambda: "Numbered" in watching.stdout)

    assert "Numbered" not in resting.stdout
    assert (watching.end(), resting.end()) == (0, 0)


def test_a_file_added_to_a_folder_is_taken_by_itself(agent, setup, tmp_path, until):
    """A rules file that comes into a folder of rules is taken over like one that changes."""
    config, _ = setup()[:2], (tmp_path / "rules").mkdir()
    (tmp_path / "rules.yaml").rename(tmp_path / "rules" / "a.yaml")
    running = agent(*config, "-r", str(tmp_path / "rules"), "-o", "rule_matching=all", *ONLY_NUMBERS, *WATCHED_OFTEN)
    running.wait_for_alerts(1)

    text = (tmp_path / "rules" / "a.yaml").read_text()
    (tmp_path / "b").write_text(text.replace("Every ", "More of every ").replace("Counted", "Again"))
    (tmp_path / "b").rename(tmp_path / "rules" / "b.yaml")
    until(lambda: "Again" in running.stdout)

    assert running.end() == 0


def test_a_new_worker_has_the_new_rules(agent, setup, tmp_path, until):
    """A worker that dies after a reload is followed by one with the new rules."""
    running = agent(*setup(), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    change(tmp_path / "rules.yaml", "Counted", "Numbered")
    running.process.send_signal(signal.SIGHUP)
    until(lambda: "Numbered" in running.stdout)

    os.kill(running.workers()[0], signal.SIGKILL)
    running.wait_for("is open again")
    seen = running.stdout.count("\n")
    until(lambda: running.stdout.count("\n") > seen + 5)

    assert "Counted" not in "".join(running.stdout.splitlines()[seen:])


def test_hangup_restarts_for_what_is_no_rule(agent, setup, tmp_path, until):
    """SIGHUP with another configuration restarts in place."""
    running = agent(*setup(), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    change(tmp_path / "falco.yaml", "log_syslog", "json_output: true\nlog_syslog")

    running.process.send_signal(signal.SIGHUP)
    until(lambda: '"output":' in running.stdout)

    until(lambda: running.stderr.count("Ready after") >= 2)  # an alert may be told before
    assert running.stderr.count("Ready after") == 2
    assert running.end() == 0


def test_hangup_with_broken_rules_changes_nothing(agent, setup, tmp_path, until):
    """SIGHUP with rules that are refused raises Falco's internal alert, and the old rules go on."""
    running = agent(*setup("json_output: true"), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    (tmp_path / "rules.yaml").write_text((tmp_path / "rules.yaml").read_text().replace("number.value >", "nmber >"))

    running.process.send_signal(signal.SIGHUP)
    alert = until(lambda: next((a for a in running.alerts if a["source"] == "internal"), None))

    assert alert["rule"] == "Falco internal: hot restart failure"
    assert alert["priority"] == "Critical"
    assert "nmber" in alert["output_fields"]["reason"]
    seen = len(running.alerts)
    running.wait_for_alerts(seen + 5)
    assert running.end() == 0
