"""Actions of the agent on this host: from a system call to the signal, and through kills of its own processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from falcohost.host.response.cgroups import folder as place
from falcohost.host.response.cgroups import is_frozen, mount
from falcohost.host.response.given import ACTIONS, RESPONSES
from falcohost.testing.agent import PROGRAM
from falcohost.testing.server import HttpServer, Reply
from falcohost.testing.waiting import PATIENCE, wait_until

#: The rule of alerts about actions.
ACTION = "Falcohost internal: action"

RULE = """
- rule: {name}
  desc: A copy of sleep is started.
  condition: evt.type = execve and proc.exepath = {folder}/{name}
  output: started %proc.pid
  priority: NOTICE
  tags: [{name}-tag]
  actions: [{own}]
"""

#: Which rule has which actions; those of the first are bound by a tag.
OWN = {"killed": "", "frozen": "freeze", "said": "say", "posted": "post", "looped": "loop", "hung": "hang"}


@pytest.fixture(scope="module")
def folder(open_folder):
    """Return a folder with a program for each rule."""
    folder = open_folder / "response"
    folder.mkdir(mode=0o755)
    (folder / "heard").touch()
    (folder / "heard").chmod(0o666)
    for name in OWN:
        (folder / name).write_bytes(Path("/bin/sleep").read_bytes())
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def receiver():
    """Return a server that answers when its gate is open."""
    gate = threading.Event()
    gate.set()
    server = HttpServer(lambda request: Reply(200, b"", gate=gate))
    server.gate = gate
    yield server
    gate.set()
    server.close()


@pytest.fixture(scope="module")
def agent(start_agent, folder, receiver):
    """Return an agent with an action of each type."""
    rules = "".join(RULE.format(name=name, folder=folder, own=own) for name, own in OWN.items())
    (folder / "rules.yaml").write_text(rules)
    define = {
        "zap": {"type": "kill"},
        "freeze": {"type": "stop"},
        "say": {"type": "program", "program": f"cat >> {folder}/heard; id -u >> {folder}/heard"},
        "post": {"type": "http", "url": f"{receiver.url}/alert", "headers": {"X-From": "falcohost"}},
        "loop": {"type": "program", "program": f"{folder}/looped 0.3", "max_per_minute": 5},
        "hang": {"type": "program", "program": "sleep 1000", "timeout": 1, "max_per_minute": 3},
    }
    bind = [{"tags": ["killed-tag"], "actions": ["zap"]}]
    actions = {"enabled": True, "mode": "act", "define": define, "bind": bind, "max_per_minute": 6000}
    return start_agent(folder / "rules.yaml", settings={"actions": actions, "rule_matching": "all"})


def told(agent, action, pid=None, result=None):
    """Wait for what came of an action, about a process."""
    return agent.wait_for(
        lambda alert: (
            alert["rule"] == ACTION
            and alert["output_fields"].get("action") == action
            and pid in (None, alert["output_fields"]["proc.pid"])
            and result in (None, alert["output_fields"]["result"])
        )
    )


def test_kill(agent, folder):
    """A process is killed, and an alert of its own says so, with the id of the alert."""
    process = subprocess.Popen([folder / "killed", "1000"])
    found = told(agent, "zap", process.pid)

    assert -signal.SIGKILL == process.wait(PATIENCE)
    assert ("done", "killed", "Warning") == (
        found["output_fields"]["result"], found["output_fields"]["alert.rule"], found["priority"],
    )  # fmt: skip
    assert "after the event; it has ended" in found["output"]


def test_program(agent, folder):
    """A program gets the alert as JSON, and runs as a user who is nobody else."""
    process = subprocess.Popen([folder / "said", "1"])
    told(agent, "say", process.pid, "done")
    alert, user = (folder / "heard").read_text().splitlines()

    assert ("said", process.pid) == (json.loads(alert)["rule"], json.loads(alert)["output_fields"]["proc.pid"])
    assert 61184 <= int(user) < 65520
    process.wait()


def test_http(agent, folder, receiver):
    """An alert is posted, once, with the headers that were configured."""
    process = subprocess.Popen([folder / "posted", "1"])
    told(agent, "post", process.pid, "done")
    requests = [one for one in receiver.requests if json.loads(one.body)["output_fields"]["proc.pid"] == process.pid]

    assert [("/alert", "falcohost")] == [(one.path, one.headers["x-from"]) for one in requests]
    process.wait()


def test_an_endpoint_that_hangs(agent, folder, receiver):
    """While an action waits for its receiver, signals are sent as ever."""
    receiver.gate.clear()
    try:
        subprocess.Popen([folder / "posted", "0.1"]).wait()
        wait_until(lambda: len(receiver.requests) >= 2)
        process = subprocess.Popen([folder / "killed", "1000"])

        assert "done" == told(agent, "zap", process.pid)["output_fields"]["result"]
        assert -signal.SIGKILL == process.wait()
    finally:
        receiver.gate.set()


def test_a_program_that_hangs(agent, folder):
    """It is ended after its time, which is told; and not run again for this alert."""
    process = subprocess.Popen([folder / "hung", "0.1"])
    found = told(agent, "hang", process.pid, "failed")
    process.wait()

    assert "for 1 s" in found["output"]


def test_a_program_that_triggers_its_rule(agent, folder):
    """An action whose program causes the alert that causes it comes to an end."""
    process = subprocess.Popen([folder / "looped", "0.3"])
    told(agent, "loop", process.pid, "done")
    process.wait()
    refused = told(agent, "loop", result="refused")
    runs = [
        alert for alert in agent.alerts
        if alert["rule"] == ACTION and alert["output_fields"]["action"] == "loop"
        and alert["output_fields"]["result"] == "done"
    ]  # fmt: skip

    assert "is the agent's" in refused["output"]
    assert 1 == len(runs)


@pytest.fixture
def cgroup():
    """Return the path of a cgroup."""
    if (root := mount()) is None:
        pytest.skip("there are no cgroups of version 2")
    path = f"/falcohost-freeze-{os.getpid()}"
    place(root, path).mkdir()
    yield path
    (place(root, path) / "cgroup.freeze").write_text("0")
    wait_until(lambda: not (place(root, path) / "cgroup.procs").read_text())
    place(root, path).rmdir()


def test_freezing_a_container(agent, folder, cgroup):
    """All processes of a container stop, until a command lets them go on; those of the host are never stopped."""
    procs = place(mount(), cgroup) / "cgroup.procs"
    inner = f"echo $$ > {procs}; exec {folder}/frozen 1000"
    container = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", inner])
    try:
        found = agent.wait_for(lambda alert: alert["rule"] == ACTION and alert["output_fields"]["action"] == "freeze")
        assert "all its processes have stopped" in found["output"]
        assert is_frozen(mount(), cgroup)
        thaw = subprocess.run([PROGRAM, "actions", "thaw", cgroup], stdout=subprocess.PIPE, check=True)
        assert f"{cgroup} is thawed.\n" == thaw.stdout.decode()
        wait_until(lambda: not is_frozen(mount(), cgroup))
    finally:
        container.kill()
        container.wait()
    host = subprocess.Popen(["sh", "-c", inner])
    refused = told(agent, "freeze", host.pid)
    host.kill()
    host.wait()

    assert ("refused", True) == (refused["output_fields"]["result"], "is no container's" in refused["output"])


@pytest.mark.parametrize("name", [ACTIONS, RESPONSES])
def test_a_killed_process(agent, folder, name):
    """Both processes are replaced, and act on what comes next; what was done is not done again."""
    process = subprocess.Popen([folder / "killed", "1000"])
    told(agent, "zap", process.pid)
    process.wait()
    before = agent.service(name)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: agent.service(name) not in (None, before))
    deadline = time.monotonic() + PATIENCE
    while True:
        again = subprocess.Popen([folder / "killed", "2"])
        if again.wait() == -signal.SIGKILL:
            break
        assert time.monotonic() < deadline
    post = subprocess.Popen([folder / "posted", "0.1"])
    post.wait()
    told(agent, "post", post.pid)

    of_first = [
        alert for alert in agent.alerts
        if alert["rule"] == ACTION and alert["output_fields"].get("proc.pid") == process.pid
    ]  # fmt: skip
    assert 1 == len(of_first)


def test_stop_and_resume(agent, folder):
    """A command stops all actions, at once, and resumes them."""

    def turn(what):
        state = str(agent.folder / "state")
        return subprocess.run(
            [PROGRAM, "actions", what, "--state-dir", state], stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    assert "All actions are stopped.\n" == turn("stop")
    process = subprocess.Popen([folder / "killed", "1000"])
    refused = told(agent, "zap", process.pid)
    try:
        assert ("refused", None) == (refused["output_fields"]["result"], process.poll())
        assert (agent.folder / "state" / "actions.stopped").exists()
    finally:
        process.kill()
        process.wait()
    assert "All actions are resumed.\n" == turn("resume")
    again = subprocess.Popen([folder / "killed", "1000"])
    assert "done" == told(agent, "zap", again.pid)["output_fields"]["result"]
    again.wait()


def test_a_storm(agent, folder):
    """Among many processes at once, all are killed or counted, and the folded ones, too."""
    script = f"import subprocess as s\nfor _ in range(250): s.Popen(['{folder}/killed', '5'])"
    subprocess.run([sys.executable, "-c", script], check=True)
    wait_until(lambda: not subprocess.run(["pgrep", "-f", f"^{folder}/killed"], stdout=subprocess.PIPE).stdout)

    done = [
        alert for alert in agent.alerts
        if alert["rule"] == ACTION and alert["output_fields"].get("alert.rule") == "killed"
    ]  # fmt: skip
    assert len(done) >= 250
