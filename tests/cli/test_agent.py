"""The agent from start to end: alerts, summary, signals, time, sources that fail."""

import os
import random
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from falcohost.host.confine.users import DYNAMIC
from falcohost.testing.agent import SLOWNESS

ONLY_NUMBERS = ["--enable-source", "numbers"]

#: Seconds in which an agent ends that is told to.
END = 3 * SLOWNESS


@pytest.fixture(scope="module")
def finite(module_home):
    """Return an agent whose source has ended behind three numbers, and has said that it lost seven events."""
    running = module_home.agent(*module_home.setup(numbers={"count": 3, "lose": 7}), *ONLY_NUMBERS)
    assert running.wait() == 0
    return running


def test_a_finite_source(finite):
    """Alerts come out in order, the agent ends by itself with 0 and prints the summary as Falco does."""
    lines = finite.stdout.splitlines()
    assert [re.sub(r"^\d\d:\d\d:\d\d\.\d{9}", "TIME", line) for line in lines[:3]] == [
        f"TIME: Notice Counted (value={number})" for number in (1, 2, 3)
    ]
    assert lines[3:] == [
        "Events detected: 3",
        "Rule counts by severity:",
        "   NOTICE: 3",
        "Triggered rules by rule name:",
        "   Every number: 3",
    ]


@pytest.fixture
def without_rules(agent, setup):
    """Return an agent with JSON that has ended, and had rules about one of its two sources only."""
    running = agent(*setup("json_output: true\nrules: [{disable: {rule: Every other}}]", numbers={"count": 1}))
    assert running.wait() == 0
    return running


def test_json(without_rules):
    """With json_output each alert is one object with Falco's keys."""
    running = without_rules
    (alert,) = running.alerts
    assert list(alert) == ["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", alert.pop("time"))
    when = alert["output_fields"].pop("evt.time")
    assert isinstance(when, int)
    assert alert.pop("output").endswith(": Notice Counted (value=1)")
    assert alert == {
        "hostname": os.environ.get("FALCO_HOSTNAME") or socket.gethostname(),
        "output_fields": {"number.value": 1},
        "priority": "Notice",
        "rule": "Every number",
        "source": "numbers",
        "tags": ["a", "b"],
    }


def test_several_sources(agent, setup):
    """Each source has a worker; the agent ends when all have ended; rules are counted in order of definition."""
    running = agent(*setup(numbers={"count": 2}, others={"count": 5}))

    assert running.wait() == 0
    assert running.stdout.splitlines()[-6:] == [
        "Rule counts by severity:",
        "   NOTICE: 2",
        "   INFO: 5",
        "Triggered rules by rule name:",
        "   Every number: 2",
        "   Every other: 5",
    ]
    assert "Event source 'numbers' has ended" in running.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_clean_stop(agent, setup, how):
    """A signal closes the sources, lets every alert out, and ends with 0 and the summary."""
    running = agent(*setup(), *ONLY_NUMBERS)
    running.wait_for_alerts(5)

    assert running.end(how) == 0
    assert f"Events detected: {len(running.alerts)}\n" in running.stdout
    assert "SIGINT received, exiting..." in running.stderr
    assert "numbers: closed" in running.stderr
    assert "Traceback" not in running.stderr


def test_a_signal_at_any_moment_of_the_start(agent, setup, soak):
    """SIGTERM ends an agent soon, however far it has come with starting."""
    arguments = setup(numbers={"interval": 0.002, "cursor": True})
    before = time.monotonic()
    agent(*arguments).wait_for_alerts(1)
    whole = time.monotonic() - before
    for moment in (random.uniform(0.5, 1.1) * whole for _ in range(soak(200, 5))):
        starting = agent(*arguments)
        time.sleep(moment)
        starting.process.send_signal(signal.SIGTERM)
        assert starting.wait(END) in (0, -signal.SIGTERM), moment


def test_a_signal_while_a_source_is_opened(agent, setup):
    """SIGTERM does not wait for a source that takes long to open."""
    running = agent(*setup(numbers={"slow": 60}), *ONLY_NUMBERS)
    running.wait_for("opens slowly")

    assert running.end(seconds=END) == 0


def test_a_source_without_rules_is_not_opened(without_rules):
    """A source that no enabled rule is about costs nothing; the log says so."""
    running = without_rules

    assert "Event source 'others' is not opened: none of its rules is enabled" in running.stderr
    assert "numbers open, 1 rules" in running.stderr


def test_stops_after_m_seconds(agent, setup):
    """-M ends the run so many seconds after everything is ready, with 0 and the summary."""
    running = agent(*setup(), "-M", "1")

    assert running.wait() == 0
    assert "Ready after" in running.stderr
    assert "Events detected: " in running.stdout


def test_a_killed_worker_comes_back(agent, setup, until):
    """After SIGKILL a worker is started again and alerts; the other source does not notice."""
    running = agent(*setup("json_output: true", numbers={"interval": 0.02}, others={"interval": 0.02}))
    running.wait_for_alerts(20)
    first = running.workers()[0]
    killed = time.time_ns()
    os.kill(first, signal.SIGKILL)

    running.wait_for("worker failed: killed by SIGKILL; starting it again at once")
    running.wait_for("Event source 'numbers' is open again")
    anew = [1, "numbers"]
    until(lambda: any([value(a), a["source"]] == anew and nanoseconds(a) > killed for a in running.alerts))
    (told,) = [alert for alert in running.alerts if alert["source"] == "internal"]
    assert ("Falcohost internal: worker ended", "Critical") == (told["rule"], told["priority"])
    assert ("numbers", "killed by SIGKILL") == (told["output_fields"]["source"], told["output_fields"]["cause"])

    assert running.end() == 0
    of_others = [alert["output_fields"]["number.value"] for alert in running.alerts if alert["source"] == "others"]
    assert of_others == list(range(1, len(of_others) + 1))


def value(alert):
    """Return the number that was counted; None in other alerts."""
    return alert["output_fields"].get("number.value")


def nanoseconds(alert):
    """Return when the event was."""
    return alert["output_fields"]["evt.time"]


def test_goes_on_at_the_cursor(agent, setup, tmp_path, until):
    """A source with a cursor goes on where it was when its worker was killed: nothing twice, nothing left out."""
    running = agent(*setup("json_output: true", numbers={"cursor": True, "count": 100}), *ONLY_NUMBERS)
    for count in (10, 40):
        running.wait_for_alerts(count)
        os.kill(until(running.workers)[0], signal.SIGKILL)

    assert running.wait() == 0
    values = [number for alert in running.alerts if (number := value(alert)) is not None]
    assert sorted(set(values)) == list(range(1, 101))
    assert len(values) <= 102  # what was on its way when the worker was killed may come again


def test_the_worker_ends_with_the_agent(agent, setup, until, tmp_path):
    """When the agent itself is killed, whose process id -P has written, its workers do not stay behind."""
    running = agent(*setup(), "-P", str(tmp_path / "pid"))
    running.wait_for("Ready after")
    workers = running.workers()
    assert (tmp_path / "pid").read_text() == str(running.process.pid)

    running.end(signal.SIGKILL)

    assert len(workers) == 2
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_a_worker_that_does_not_end_is_killed(agent, setup):
    """A source that does not come back is killed, at a second signal at once; the agent ends all the same.

    What it has said before is out by then, though no event has followed.
    """
    running = agent(*setup(numbers={"deaf": True}), *ONLY_NUMBERS)
    running.wait_for_alerts(1)
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("SIGINT received, exiting...")

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
        said = f"rule '{rule}' could not be evaluated on"
        assert 1 == running.stderr.count(f"{said} a number event (1 so far){because}{bug}")
        assert 1 == running.stderr.count(f"{said} {count} events in all{because}")
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
    told = "rule 'Trouble' could not be evaluated on [0-9]+ events in all, because of the field number.trouble"
    assert re.search(told, running.stderr)


def test_a_source_that_does_not_come_back(agent, setup, falcohost, until):
    """It is reported by the log and an alert, and its worker is replaced, instead of being open for ever."""
    more = "json_output: true\nfalcohost: {source_timeout: 5}"
    running = agent(*setup(more, numbers={"deaf": True}), *ONLY_NUMBERS)
    alert = until(lambda: [one for one in running.alerts if one["source"] == "internal"])[0]

    why = "it has not come back from reading for more than 5 s"
    assert "Falcohost internal: source stalled" == alert["rule"]
    assert {"source": "numbers", "seconds": 5} == alert["output_fields"]
    assert f"is stalled: {why}" in running.stderr
    running.wait_for("worker failed: killed by SIGKILL; starting it again at once")
    running.wait_for("Event source 'numbers' is open again")
    assert "numbers: open for" in falcohost("stats").stdout


def test_a_worker_that_sends_rubbish_is_killed(agent, setup):
    """The supervisor survives a worker that does not speak its language; the other source does not notice."""
    running = agent(*setup("json_output: true", numbers={"babble": True}))
    running.wait_for("its worker sent an invalid message")
    seen = len(running.alerts)
    running.wait_for_alerts(seen + 5)

    assert running.end() == 0
    assert "Traceback" not in running.stderr


def test_losses_are_told(finite):
    """The events that a source reports as lost are in the log, with the cause."""
    assert "source 'numbers' has lost 7 events (thrown away: 7); 7 in total" in finite.stderr


def test_workers_have_no_privileges(agent, setup):
    """The worker of a source that asks for nothing has a user of its own, no capability, and nothing inherited."""
    if os.geteuid() != 0:
        pytest.skip("only root has privileges to drop")
    running = agent(*setup("file_output: {enabled: true, filename: events.txt, keep_alive: true}"), *ONLY_NUMBERS)
    running.wait_for("Ready after")
    (worker,) = running.workers()
    status = Path(f"/proc/{worker}/status").read_text()

    user = int(status.partition("Uid:\t")[2].split()[0])
    assert user in DYNAMIC
    assert f"Uid:\t{user}\t{user}\t{user}\t{user}\nGid:\t{user}\t{user}\t{user}\t{user}\n" in status
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    targets = {str(entry.readlink()) for entry in Path(f"/proc/{worker}/fd").iterdir()}
    assert {target.partition(":")[0] for target in targets} == {"/dev/null", "socket", str(running.folder / "stderr")}
    assert running.end() == 0


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

    assert running.workers() == worker
    assert running.end() == 0
    values = [alert["output_fields"]["number.value"] for alert in running.alerts if alert["source"] == "numbers"]
    assert values == list(range(1, len(values) + 1))
    assert running.stderr.count("Ready after") == 1
    assert "Event source 'numbers' now uses the new rules" in running.stderr


def test_changed_rules_are_taken_by_themselves(agent, setup, tmp_path, until):
    """A rules file that changes is taken over without being told, unless watch_config_files is off."""
    watching = agent(*setup(), *ONLY_NUMBERS)
    resting = agent(*setup(), *ONLY_NUMBERS, "-o", "watch_config_files=false")
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
    running = agent(*config, "-r", str(tmp_path / "rules"), "-o", "rule_matching=all", *ONLY_NUMBERS)
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
