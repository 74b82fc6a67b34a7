"""The agent as a whole on this host: from a real system call to a line on stdout, through kills and stops."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from falcohost.testing.waiting import SLOWNESS, wait_until

READ_SHADOW = "Read sensitive file untrusted"

RULES = """
- rule: Alerts file opened
  desc: Somebody opened the file of alerts.
  condition: evt.type in (open, openat) and fd.filename = own-alerts.json
  output: alerts file opened | process=%proc.name
  priority: NOTICE
- rule: Written
  desc: Somebody writes.
  condition: evt.type = write and proc.name = writer
  output: written | %evt.buffer %evt.arg.data
  priority: NOTICE
- rule: Watched file opened
  desc: Somebody opened a file that may have other names.
  condition: evt.type = openat and fd.name = {folder}/watched
  output: watched | %fd.name.real
  priority: NOTICE
"""


@pytest.fixture(scope="module")
def rules_file(corpus):
    """Return the public stable rules."""
    return corpus / "rules" / "falco_rules.yaml"


@pytest.fixture(scope="module")
def folder(open_folder):
    """Return a folder for the rules of this file, what they name, and the alerts."""
    folder = open_folder / "e2e"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture(scope="module")
def agent(start_agent, rules_file, folder):
    """Return an agent that watches with the public stable rules and those of this file, and writes a file too."""
    (folder / "watched").write_text("")
    (folder / "rules.yaml").write_text(RULES.format(folder=folder))
    file = {"enabled": True, "filename": str(folder / "own-alerts.json")}
    settings = {"buffer_format_base64": True, "file_output": file, "rule_matching": "all"}
    return start_agent(rules_file, folder / "rules.yaml", settings=settings)


@pytest.fixture(scope="module")
def stopped(agent, children, tmp_path_factory):
    """Read the file once more, stop the agent at once, and return the program that read and the agent's workers."""
    workers = children(agent.process.pid)
    program = read_shadow(tmp_path_factory.mktemp("last") / "cat")
    assert agent.stop() == 0
    return program, workers


def read_shadow(program: Path) -> str:
    """Read /etc/shadow with a copy of cat at the path, and return its path as alerts have it."""
    program.write_bytes(Path("/bin/cat").read_bytes())
    program.chmod(0o755)
    subprocess.run([program, "/etc/shadow"], stdout=subprocess.DEVNULL, check=True)
    return str(program)


def is_about(program: str) -> Callable[[dict], bool]:
    """Return a function that says whether an alert is about the program's reading."""
    return lambda alert: alert["rule"] == READ_SHADOW and alert["output_fields"]["proc.exepath"] == program


def test_alert_within_a_second(agent, tmp_path):
    """Reading /etc/shadow is on stdout within a second, with the fields of who did it.

    The quickest of three counts, since what else runs may delay one.
    """
    waits = []
    for number in range(3):
        begun = time.monotonic()
        alert = agent.wait_for(is_about(read_shadow(tmp_path / f"cat{number}")))
        waits.append(time.monotonic() - begun)

    fields = alert["output_fields"]
    assert min(waits) < SLOWNESS
    assert (fields["fd.name"], fields["proc.name"], fields["user.uid"]) == ("/etc/shadow", "cat2", 0)
    assert fields["proc.cmdline"] == "cat2 /etc/shadow"
    assert fields["proc.pname"] == Path("/proc/self/comm").read_text().strip()
    assert (alert["priority"], alert["source"], alert["hostname"]) == ("Warning", "syscall", os.uname().nodename)


def test_time_is_when_it_happened(agent, tmp_path):
    """An alert's time is that of the system call, not of its printing."""
    before = time.time_ns()
    program = read_shadow(tmp_path / "cat")
    after = time.time_ns()

    alert = agent.wait_for(is_about(program))
    assert before - 5_000_000 <= alert["output_fields"]["evt.time"] <= after + 5_000_000


def test_buffers_in_base64(agent, tmp_path):
    """With buffer_format_base64 what was written is shown in base64, as a field and as a parameter."""
    writer = tmp_path / "writer"
    shutil.copy("/bin/cat", writer)
    subprocess.run([writer], input=b"hello\0\1\xff", stdout=subprocess.DEVNULL, check=True)

    assert "written | aGVsbG8AAf8= aGVsbG8AAf8=" in agent.wait_for(lambda alert: alert["rule"] == "Written")["output"]


def test_does_not_watch_itself(agent, folder, tmp_path):
    """An alert that is written to a file does not raise the next one, though a rule is about opening that file."""
    subprocess.run(["cat", folder / "own-alerts.json"], stdout=subprocess.DEVNULL, check=True)
    agent.wait_for(lambda alert: alert["rule"] == "Alerts file opened")
    for number in range(2):  # the alert of the first is written before that of the second
        agent.wait_for(is_about(read_shadow(tmp_path / f"cat{number}")))

    assert ["cat"] == [
        alert["output_fields"]["proc.name"] for alert in agent.alerts if alert["rule"] == "Alerts file opened"
    ]


def test_replaced_file_is_watched(driver, agent, folder):
    """With the few privileges that are left, a hard link is told from another file also after the file was replaced."""
    if driver != "modern_ebpf":
        pytest.skip("only modern_ebpf tells a file's other names")
    file, new, link = (folder / name for name in ("watched", "new", "link"))
    new.write_text("")
    link.hardlink_to(new)
    new.rename(file)

    def told():
        subprocess.run(["cat", link], check=True)
        return any(str(link) in alert["output"] for alert in agent.alerts if alert["rule"] == "Watched file opened")

    wait_until(told)


def test_killed_worker_is_back(agent, syscall_worker, tmp_path):
    """When the worker is killed by SIGKILL, there are alerts again as soon as another has started."""
    started = re.search(r"Ready after ([\d.]+) s", agent.log)
    limit = max(10, 5 * float(started[1]))
    worker = syscall_worker(agent.process.pid)
    os.kill(worker, signal.SIGKILL)
    killed = time.monotonic()

    programs = []
    while not any(is_about(program)(alert) for program in programs for alert in agent.alerts):
        assert time.monotonic() - killed < limit, agent.log
        programs.append(read_shadow(tmp_path / f"cat{len(programs)}"))
        time.sleep(0.05)
    assert worker != syscall_worker(agent.process.pid)


def test_stops_cleanly(agent, stopped):
    """SIGTERM ends the agent with exit code 0 and Falco's summary, and leaves no process behind."""
    _, workers = stopped
    _, _, summary = agent.output.partition("\nRule counts by severity:\n")
    by_severity, _, by_rule = summary.partition("\nTriggered rules by rule name:\n")

    assert "   WARNING: " in by_severity
    assert f"   {READ_SHADOW}: " in by_rule
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def test_last_alerts_are_not_lost(agent, stopped):
    """Events right before SIGTERM are still reported."""
    program, _ = stopped

    assert any(map(is_about(program), agent.alerts))
