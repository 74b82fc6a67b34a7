"""Limits of the system that an agent reaches while it runs: it goes on, and says what is short and what mends it."""

import os
import re
import signal

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.health.given import NAME as HEALTH
from falcohost.host.internal_alerts import OURS
from falcohost.host.storing.process import NAME as STORE
from falcohost.host.supervision.keeping import VARIABLE
from falcohost.testing.ports import Port
from falcohost.testing.shortages import counted, no_free_descriptor

ONLY_NUMBERS = ["--enable-source", "numbers"]

#: What is said of too many open files.
LIMIT = "too many files are open: the process has reached its limit; raise it (ulimit -n; LimitNOFILE="
#: What is said of too many processes.
NO_PROCESS = "no more processes are allowed; raise the limit (ulimit -u; TasksMax="

#: With endpoints, so that there is a process for them.
CONFIG = """
json_output: true
webserver: {enabled: true, listen_port: %d}
falcohost: {heartbeat: 1}
"""


@pytest.fixture
def cgroup():
    """Return a cgroup that can be kept from having further processes."""
    with counted() as cgroup:
        yield cgroup


@pytest.fixture
def start(agent, setup, cgroup, close_later):
    """Return a function that starts an agent in that cgroup."""
    port = close_later(Port())

    def start(config=CONFIG):
        arguments = setup(config % port.number, numbers={"interval": 0.05, "cursor": True})
        return agent(*arguments, *ONLY_NUMBERS, through=cgroup.entering)

    yield start
    cgroup.open()


@pytest.fixture
def running(start, until):
    """Return an agent that runs."""
    running = start()
    running.wait_for_alerts(1)
    until(lambda: HEALTH in running.children().values())
    return running


def internal(running, rule):
    """Return the alerts of an internal rule."""
    return [alert for alert in running.alerts if alert["rule"] == rule]


def counts(running):
    """Return the numbers that alerts are about, in order."""
    return sorted(
        {int(found[1]) for alert in running.alerts if (found := re.search(r"\(value=(\d+)\)", alert["output"]))}
    )


def wait_for_a_while(running, until):
    """Wait until the supervisor has looked after everything several times."""
    beats = len(internal(running, f"{OURS}heartbeat"))
    until(lambda: len(internal(running, f"{OURS}heartbeat")) >= beats + 4)


def victim(running, who):
    """Return the process that is to be killed."""
    return running.workers()[0] if who == "worker" else running.service(who)


def test_a_reload_without_a_free_descriptor(running, until):
    """It is refused with what is short; the next one, when more files are allowed, is accepted."""
    with no_free_descriptor(running.process.pid):
        running.process.send_signal(signal.SIGHUP)
        (refused,) = until(lambda: internal(running, "Falco internal: hot restart failure"))
        assert f"checking configuration and rules takes a process: {LIMIT}" in refused["output"]

    running.process.send_signal(signal.SIGHUP)
    until(lambda: internal(running, f"{OURS}reload"))
    assert 0 == running.end()


def test_new_rules_for_which_there_is_no_room(running, until):
    """They are refused where they were read, and could not be passed on."""
    with no_free_descriptor(running.process.pid, free=12):
        running.process.send_signal(signal.SIGHUP)
        (refused,) = until(lambda: internal(running, "Falco internal: hot restart failure"))
        assert LIMIT in refused["output"]

    assert 0 == running.end()


def test_a_while_without_a_free_descriptor(running, until):
    """What the supervisor looks at again and again takes descriptors; without one it looks later."""
    with no_free_descriptor(running.process.pid):
        wait_for_a_while(running, until)
    assert 0 == running.end()


@pytest.mark.parametrize("who", [STORE, OUTPUTS, HEALTH, "worker"])
def test_a_process_for_which_there_is_no_descriptor(running, until, who):
    """The agent goes on, says once what is short, and starts the process when more files are allowed."""
    before = victim(running, who)
    with no_free_descriptor(running.process.pid):
        os.kill(before, signal.SIGKILL)
        running.wait_for(LIMIT)
        seen = len(running.alerts)

    until(lambda: len(running.alerts) >= seen + 5)
    until(lambda: victim(running, who) != before)
    assert 1 == running.stderr.count(LIMIT)
    assert "Traceback" not in running.stderr
    assert 0 == running.end()


def test_no_more_processes(running, cgroup, until):
    """The agent goes on without all of its processes; when some are allowed all come back, and nothing is lost."""
    cgroup.close()
    running.process.send_signal(signal.SIGHUP)
    (refused,) = until(lambda: internal(running, "Falco internal: hot restart failure"))
    assert f"checking configuration and rules takes a process: {NO_PROCESS}" in refused["output"]
    for count, who in enumerate([HEALTH, "worker", OUTPUTS, STORE], 1):
        os.kill(victim(running, who), signal.SIGKILL)
        until(lambda wanted=count: running.stderr.count(": cannot start a process: ") >= wanted, lambda: running.stderr)
    running.process.send_signal(signal.SIGHUP)
    running.process.send_signal(signal.SIGUSR1)
    running.wait_for("SIGUSR1 received")
    seen = max(counts(running))

    cgroup.open()
    until(lambda: max(counts(running)) > seen + 20, lambda: running.stderr)
    until(lambda: 4 == len(running.children()))
    until(lambda: 4 == len(internal(running, f"{OURS}no process")))
    running.process.send_signal(signal.SIGHUP)
    until(lambda: internal(running, f"{OURS}reload"))
    assert 0 == running.end()
    found = counts(running)
    assert [*range(1, found[-1] + 1)] == found
    restarted = [alert["output_fields"]["process"] for alert in internal(running, f"{OURS}process restarted")]
    assert {"health", "outputs", "store"} == {*restarted}
    assert 1 == len(internal(running, f"{OURS}worker ended"))
    assert 4 == running.stderr.count(": cannot start a process: ")
    assert "Traceback" not in running.stderr


def test_a_start_anew_in_place(start, home, cgroup, until):
    """An agent that has executed itself anew waits until there can be processes; another does not start."""
    cgroup.close()
    refused = start()
    assert 1 == refused.wait()
    assert f"Error: falcohost cannot start: {NO_PROCESS}" in refused.stderr

    home.environment[VARIABLE] = ""
    waiting = start()
    waiting.wait_for(f"falcohost cannot start again yet, and tries again and again: {NO_PROCESS}")
    cgroup.open()
    waiting.wait_for_alerts(1)
    assert 0 == waiting.end()


def test_a_check_that_can_start_no_second_process(running, cgroup, until):
    """A reload takes two processes: what is short is told also where the second is."""
    wanted = "checking configuration and rules takes two processes"
    cgroup.limit(1)
    running.process.send_signal(signal.SIGHUP)
    (refused,) = until(lambda: internal(running, "Falco internal: hot restart failure"))

    assert f"{wanted}: {NO_PROCESS}" in refused["output"]
    assert 0 == running.end()
