"""Processes of the agent are out of reach for other users, and cannot do what their job does not need."""

import os
import signal
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import wait_until

NOBODY = 65534


@pytest.fixture(autouse=True)
def as_root():
    """Skip where this is not root."""
    if os.geteuid() != 0:
        skip_or_fail("root", "only root can become another user")


def as_user(uid, do):
    """Call *do* in a process of the user *uid*; return the errno of its error, or 0."""
    pid = os.fork()
    if pid == 0:
        status = 255
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            do()
            status = 0
        except OSError as error:
            status = error.errno
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def user_of(pid):
    """Return the user and the group of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(("Uid:", "Gid:"))]


def test_other_users_cannot_stop_a_worker(agent, setup):
    """Nobody, and another source's worker, can neither kill nor stop a worker; each has a user of its own."""
    running = agent(*setup("json_output: true"))
    running.wait_for("Ready after")
    one, two = running.workers()
    users = {*user_of(one), *user_of(two)}

    assert 2 == len(users)
    assert not users & {0, NOBODY}
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
        assert 1 == as_user(NOBODY, lambda number=number: os.kill(one, number))
        assert 1 == as_user(user_of(two)[0], lambda number=number: os.kill(one, number))
    assert running.end() == 0


def printed_by(pid):
    """Return where a process writes that writes to its stdout and stderr."""
    return [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (1, 2)]


def test_nobody_writes_lines_of_the_log(agent, setup):
    """Once a process is confined, what it writes by itself goes nowhere; alerts go to the agent's stdout."""
    running = agent(*setup("json_output: true"))
    running.wait_for("Ready after")
    supervisor = running.process.pid
    alerts, log = printed_by(supervisor)
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    found = {pid: (Path(f"/proc/{pid}/comm").read_text().strip(), printed_by(pid)) for pid in children}

    assert {alerts, log} & {"/dev/null"} == set()
    assert [("falcohost-out", [alerts, "/dev/null"])] == [one for one in found.values() if one[0] == "falcohost-out"]
    others = [(name, where) for name, where in found.values() if name != "falcohost-out"]
    assert len(others) == 3
    assert [] == [one for one in others if one[1] != ["/dev/null", "/dev/null"]]
    assert running.end() == 0


def test_two_agents_share_no_user(module_home, tmp_path_factory):
    """Workers of two agents on one machine have different users."""
    agents = [module_home.agent(*module_home.setup(f"falcohost: {{state_dir: {name}}}")) for name in ("a", "b")]
    for running in agents:
        running.wait_for("Ready after")
    users = [user_of(pid)[0] for running in agents for pid in running.workers()]

    assert 4 == len({*users})
    assert [0, 0] == [running.end() for running in agents]


def test_a_configured_range(agent, setup):
    """``falcohost.uids`` says which users the processes get."""
    running = agent(*setup("falcohost: {uids: 45001-45012}"))
    running.wait_for("Ready after")
    assert {user_of(pid)[0] for pid in running.workers()} < {*range(45001, 45013)}
    assert running.end() == 0


@pytest.mark.parametrize("wrong", ["0-5", "7", "9-8", "a-b", "1-4294967295"])
def test_a_wrong_range(falcohost, setup, wrong):
    """It is an error with its place."""
    failed = falcohost(*setup(f"falcohost: {{uids: {wrong}}}"), "--dry-run")
    assert 1 == failed.returncode
    assert "falcohost.uids has to be a range such as 61184-65519, from 1 to 4294967294" in failed.stderr
    assert "falco.yaml:" in failed.stderr


FORBIDDEN = "Falcohost internal: forbidden system call"


def test_what_is_only_logged(agent, setup):
    """With ``falcohost.forbidden_calls: log`` such a call is made, and the worker goes on; another word is an error."""
    numbers = {"runs": "import os; os.waitpid(os.fork() or os._exit(0), 0)"}
    running = agent(*setup("json_output: true\nfalcohost: {forbidden_calls: log}", numbers=numbers))
    running.wait_for_alerts(10)

    assert running.end() == 0
    assert FORBIDDEN not in running.stdout
    assert "worker failed" not in running.stderr
    failed = agent(*setup("falcohost: {forbidden_calls: none}"))
    assert failed.wait() == 1
    assert "falcohost.forbidden_calls has to be kill or log, not 'none'" in failed.stderr


@pytest.mark.parametrize(
    ("code", "needs"),
    [
        pytest.param("import os; os.execv('/bin/true', ['true'])", None, id="runs a program"),
        pytest.param("import ctypes; ctypes.CDLL(None).unshare(0x10000000)", None, id="gets a user namespace"),
        pytest.param("import socket; socket.socket()", [], id="connects without need"),
    ],
)
def test_a_worker_that_was_taken_over(agent, setup, code, needs):
    """What its job does not need ends it, which is a critical alert that names the source; the other one goes on."""
    numbers = {"runs": code} | ({} if needs is None else {"needs": needs})
    running = agent(*setup("json_output: true", numbers=numbers))
    wait_until(
        lambda: any(alert["rule"] == FORBIDDEN for alert in running.alerts), lambda: running.stderr + running.stdout
    )
    alert = next(alert for alert in running.alerts if alert["rule"] == FORBIDDEN)
    seen = len(running.alerts)
    running.wait_for_alerts(seen + 5)

    assert ("Critical", "numbers") == (alert["priority"], alert["output_fields"]["source"])
    assert "the worker of event source 'numbers' made a system call that its job does not need" in alert["output"]
    assert "killed by SIGSYS, for a system call that its job does not need" in running.stderr
    assert running.end() == 0


WITH_NAMES = """
- rule: Named number
  desc: Fires on every number that has a name; names are looked up.
  condition: number.name != ""
  output: Named %number.name
  priority: NOTICE
  source: numbers
"""


def test_new_rules_that_need_more(agent, setup, tmp_path):
    """The source is opened again when new rules need what its worker may no longer do, such as lookups."""
    config = "json_output: true\nrule_matching: all"
    running = agent(*setup(config, numbers={"needs": [], "cursor": True}), "--enable-source", "numbers")
    running.wait_for_alerts(3)
    before = running.workers()
    rules = tmp_path / "rules.yaml"
    rules.write_text(rules.read_text() + WITH_NAMES)
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("Event source 'numbers' is opened again: the new rules need more than its worker may do")
    wait_until(lambda: "Named n" in running.stdout, lambda: running.stderr)

    assert before != running.workers()
    assert running.end() == 0
    assert FORBIDDEN not in running.stdout
    values = [a["output_fields"]["number.value"] for a in running.alerts if a["rule"] == "Every number"]
    assert values == list(range(1, len(values) + 1))


def maps_re2(pid):
    """Return whether a process has RE2, a library."""
    return "/_re2." in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.parametrize("condition", ['evt.source regex "num.*"', "evt.source glob number?"])
def test_new_rules_with_patterns(agent, setup, tmp_path, condition):
    """A worker without patterns has no RE2, which it cannot load later: for new rules with patterns there is another.

    Other patterns do it no harm: rules without any are taken over by the worker that has it.
    """
    rules = (tmp_path / "rules.yaml", "Every number", "Number with a pattern")
    config = "json_output: true\nrule_matching: all"
    running = agent(*setup(config, numbers={"needs": []}), "--enable-source", "numbers")
    running.wait_for_alerts(3)
    before = running.workers()
    assert not maps_re2(*before)
    text = rules[0].read_text()
    rule = f"{{rule: {rules[2]}, desc: d, condition: '{condition}', output: x, priority: NOTICE, source: numbers}}"
    rules[0].write_text(f"{text}\n- {rule}\n")
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any(one["rule"] == rules[2] for one in running.alerts), lambda: running.stderr)

    after = running.workers()
    assert before != after
    assert maps_re2(*after)
    rules[0].write_text(text)
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: running.stdout.count("Reload:") == 2, lambda: running.stderr + running.stdout)
    assert {*after} <= {*running.workers()}  # and a reader that has no name yet
    assert running.end() == 0
    assert FORBIDDEN not in running.stdout
    assert "worker failed" not in running.stderr
