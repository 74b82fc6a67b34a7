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
from falcohost.testing.waiting import SLOWNESS

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
    first = agent(*arguments)
    first.wait_for_alerts(1)
    whole = time.monotonic() - before
    assert 0 == first.end()
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
    until(lambda: len(running.workers()) == 2)
    workers = running.workers()
    assert (tmp_path / "pid").read_text() == str(running.process.pid)

    running.end(signal.SIGKILL)

    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


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
    kept = "/memfd"  # what it has only counted
    found = {target.partition(":")[0] for target in targets}
    assert found == {"/dev/null", "socket", kept}  # what it says goes over the socket: the log is not its own
    assert running.end() == 0
