"""Captures of alerts: the agent writes what happens around an alert, and a replay of it raises the same alert."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from falcohost.cli.flags import Flags
from falcohost.cli.inspect_events import Inspection
from falcohost.testing.agent import PROGRAM
from falcohost.testing.waiting import wait_until

RULES = """
- rule: Captured
  desc: A file is read.
  condition: evt.type in (open, openat) and fd.name = {folder}/captured
  output: read | %evt.num %proc.pid %proc.cmdline %proc.pname %proc.cwd %user.name %fd.name %fd.num %proc.exepath
  priority: NOTICE
  capture: true
  capture_duration: 1500
- rule: Not captured
  desc: Another file is read.
  condition: evt.type in (open, openat) and fd.name = {folder}/other
  output: read | %fd.name
  priority: NOTICE
"""
FOREIGN = "evt.type in (open, openat) and fd.name startswith {folder}/wanted"


@pytest.fixture
def folder(tmp_path):
    """Return a folder with what is read, and one for captures."""
    for name in ("captured", "other", "wanted-before", "wanted-after"):
        (tmp_path / name).write_text("")
    (tmp_path / "captures").mkdir(mode=0o700)
    (tmp_path / "rules.yaml").write_text(RULES.format(folder=tmp_path))
    return tmp_path


@pytest.fixture
def capturing(bpf, start_agent, folder):
    """Return a function that starts an agent with captures."""

    def start(ours=None, others=None, **falcos):
        prefix = str(folder / "captures" / "falco")
        settings = {
            "capture": {"enabled": True, "path_prefix": prefix, **falcos},
            "falcohost": {
                "capture": {"filter": FOREIGN.format(folder=folder), **(ours or {})},
                "lookups": {"wait": 2.5},
            },
            **(others or {}),
        }
        return start_agent(folder / "rules.yaml", settings=settings)

    return start


def read(folder, *names):
    """Have a process read files, one after the other."""
    subprocess.run(["cat", *(folder / name for name in names)], check=True, cwd=folder)


def captures(folder):
    """Return the captures."""
    return sorted((folder / "captures").iterdir())


def files_in(capture):
    """Return the files of these tests that were opened in a capture, in order."""
    options = ("engine.kind=replay", f"engine.replay.capture_file={capture}")
    condition = f"evt.type in (open, openat) and fd.directory = {capture.parent.parent}"
    inspection = Inspection(Flags(options=options).configuration(), ("FILTER", condition))
    names = inspection.getters(["fd.name"])
    inspection.open(inspection.of_fields(["fd.name"]))
    found = [names[0](event) for event in inspection.events()]
    assert {"damaged": 0} == dict(inspection.stats().dropped)
    return [Path(name).name for name in found]


def replayed(capture, rules):
    """Return the alerts of a replay."""
    command = [PROGRAM, "run", str(capture), "-r", str(rules), "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines if '"rule"' in line]


def told(alert):
    """Return what an alert says, without the number of its event, which is another in a capture."""
    left_out = ("evt.num", "container", "k8s", "falcohost")
    fields = {name: value for name, value in alert["output_fields"].items() if not name.startswith(left_out)}
    return alert["rule"], alert["priority"], alert["time"], fields


def test_an_alert_is_in_its_capture(capturing, folder):
    """A capture begins with the alert's event, ends after its time, and a replay raises the same alert."""
    agent = capturing(default_duration=1500)
    read(folder, "wanted-before", "captured", "wanted-after", "other")
    alert = agent.wait_for(lambda alert: alert["rule"] == "Captured")
    agent.wait_for_log(lambda log: "a capture has ended" in log)
    read(folder, "other", "wanted-after")
    assert agent.stop() == 0

    (capture,) = captures(folder)
    time, number = alert["output_fields"]["evt.time"], alert["output_fields"]["evt.num"]
    assert f"falco_{time:020}_{number:020}.scap" == capture.name
    assert (0o600, 0) == (capture.stat().st_mode & 0o777, capture.stat().st_uid)
    assert ["captured", "wanted-after", "other"] == files_in(capture)
    first, second = replayed(capture, folder / "rules.yaml")
    assert ("Captured", "Not captured") == (first["rule"], second["rule"])
    assert told(alert) == told(first)


def test_the_seconds_before(capturing, folder):
    """With memory for them, a capture begins with events of the time before, which no rule wants."""
    agent = capturing({"filter": "none", "before": {"seconds": 30, "filter": FOREIGN.format(folder=folder)}})
    read(folder, "wanted-before")
    read(folder, "captured")
    agent.wait_for(lambda alert: alert["rule"] == "Captured")
    agent.wait_for_log(lambda log: "a capture has ended" in log)
    assert agent.stop() == 0

    (capture,) = captures(folder)
    assert ["wanted-before", "captured"] == files_in(capture)


def test_a_match_that_waits_for_a_runtime(capturing, folder, container_cgroup):
    """What happens while a container is looked up is in the capture of the match that waited for that."""
    (folder / "rules.yaml").write_text(
        RULES.replace("fd.name = {folder}/captured", "fd.name = {folder}/captured and not container.image = x").format(
            folder=folder
        )
    )
    inside = 'echo $$ > "$1"/cgroup.procs; exec cat captured'
    engines = {name: {"enabled": False} for name in ("podman", "cri", "containerd", "runc")}
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "docker.sock"))
        silent.listen(64)  # and answers nothing
        engines["docker"] = {"enabled": True, "sockets": [str(folder / "docker.sock")], "folders": []}
        plugin = {"name": "container", "init_config": {"engines": engines}}
        agent = capturing(others={"plugins": [plugin], "load_plugins": ["container"]})
        subprocess.run(["sh", "-c", inside, "-", container_cgroup], check=True, cwd=folder)
        read(folder, "wanted-after", "other")
        agent.wait_for(lambda alert: alert["rule"] == "Not captured")
        agent.wait_for(lambda alert: alert["rule"] == "Captured")
        agent.wait_for_log(lambda log: "a capture has ended" in log)
        assert agent.stop() == 0

    (capture,) = captures(folder)
    assert ["captured", "wanted-after", "other"] == files_in(capture)
    assert ["Captured", "Not captured"] == [alert["rule"] for alert in replayed(capture, folder / "rules.yaml")]


def test_alerts_that_last(capturing, folder):
    """With `all_rules` each rule begins a capture; alerts during one make it longer and begin none."""
    agent = capturing(mode="all_rules", default_duration=60_000)
    read(folder, "other", "captured", "other", "wanted-after")
    agent.wait_for(lambda alert: alert["rule"] == "Captured")
    agent.wait_for_log(lambda log: "a capture has begun" in log)
    assert agent.stop() == 0

    (capture,) = captures(folder)
    assert ["other", "captured", "other", "wanted-after"] == files_in(capture)


def test_too_many_captures(capturing, folder):
    """A capture that cannot be recorded is an alert, and those that are there stay."""
    agent = capturing({"max_files": 1})
    read(folder, "captured")
    agent.wait_for_log(lambda log: "a capture has ended" in log)
    read(folder, "captured")
    problem = agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: capture not recorded")
    assert agent.stop() == 0

    assert "there are 1 captures; remove some, or raise falcohost.capture.max_files" in problem["output"]
    assert 1 == len(captures(folder))


def test_an_agent_that_is_killed(capturing, folder):
    """What was written before can be read."""
    agent = capturing(mode="all_rules", default_duration=600_000)
    read(folder, "captured")
    agent.wait_for(lambda alert: alert["rule"] == "Captured")
    wait_until(lambda: any("captured" in files_in(one) for one in captures(folder) if one.stat().st_size), "written")
    os.kill(agent.process.pid, signal.SIGKILL)
    agent.process.wait()

    (capture,) = captures(folder)
    assert "captured" in files_in(capture)
