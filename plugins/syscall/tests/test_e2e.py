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

READ_SHADOW = "Read sensitive file untrusted"


@pytest.fixture(scope="module")
def rules_file(corpus):
    """Return the public stable rules."""
    return corpus / "rules" / "falco_rules.yaml"


@pytest.fixture
def agent(start_agent, rules_file):
    """Return an agent that watches with the public stable rules."""
    agent = start_agent(rules_file)
    yield agent
    agent.kill()


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
    """Reading /etc/shadow is on stdout within a second, with the fields of who did it."""
    program = read_shadow(tmp_path / "cat")
    alert = agent.wait_for(is_about(program), seconds=1)

    fields = alert["output_fields"]
    assert (fields["fd.name"], fields["proc.name"], fields["user.uid"]) == ("/etc/shadow", "cat", 0)
    assert fields["proc.cmdline"] == "cat /etc/shadow"
    assert fields["proc.pname"] == Path("/proc/self/comm").read_text().strip()
    assert (alert["priority"], alert["source"], alert["hostname"]) == ("Warning", "syscall", os.uname().nodename)


def test_time_is_when_it_happened(agent, tmp_path):
    """An alert's time is that of the system call, not of its printing."""
    before = time.time_ns()
    program = read_shadow(tmp_path / "cat")
    after = time.time_ns()

    alert = agent.wait_for(is_about(program), seconds=5)
    assert before - 5_000_000 <= alert["output_fields"]["evt.time"] <= after + 5_000_000


def test_killed_worker_is_back(agent, children, tmp_path):
    """When the worker is killed by SIGKILL, there are alerts again within three seconds.

    Where so much else runs that it took longer to start, it may take twice as long as that.
    """
    started = re.search(r"Ready after ([\d.]+) s", agent.log)
    limit = max(3, 2 * float(started[1]))
    workers = children(agent.process.pid)
    assert len(workers) == 1
    os.kill(workers[0], signal.SIGKILL)
    killed = time.monotonic()

    programs = []
    while not any(is_about(program)(alert) for program in programs for alert in agent.alerts):
        assert time.monotonic() - killed < limit, agent.log
        programs.append(read_shadow(tmp_path / f"cat{len(programs)}"))
        time.sleep(0.05)
    assert children(agent.process.pid) != workers
    assert agent.stop() == 0


def test_stops_cleanly(agent, children, tmp_path):
    """SIGTERM ends the agent with exit code 0 and Falco's summary, and leaves no process behind."""
    program = read_shadow(tmp_path / "cat")
    agent.wait_for(is_about(program))
    workers = children(agent.process.pid)

    assert agent.stop() == 0
    _, _, summary = agent.output.partition("\nRule counts by severity:\n")
    by_severity, _, by_rule = summary.partition("\nTriggered rules by rule name:\n")
    assert "   WARNING: " in by_severity
    assert f"   {READ_SHADOW}: " in by_rule
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def test_last_alerts_are_not_lost(agent, tmp_path):
    """What happened right before SIGTERM is still told."""
    program = read_shadow(tmp_path / "cat")

    assert agent.stop() == 0
    assert any(map(is_about(program), agent.alerts))


OWN_WRITES = """
- rule: Alerts file opened
  desc: Somebody opened the file of alerts.
  condition: evt.type in (open, openat) and fd.filename = own-alerts.json
  output: alerts file opened | process=%proc.name
  priority: NOTICE
"""


WRITES = """
- rule: Written
  desc: Somebody writes.
  condition: evt.type = write and proc.name = writer
  output: written | %evt.buffer %evt.arg.data
  priority: NOTICE
"""


def test_buffers_in_base64(start_agent, tmp_path):
    """With buffer_format_base64 what was written is shown in base64, as a field and as a parameter."""
    rules, writer = tmp_path / "writes.yaml", tmp_path / "writer"
    rules.write_text(WRITES)
    shutil.copy("/bin/cat", writer)
    agent = start_agent(rules, settings={"buffer_format_base64": True})
    subprocess.run([writer], input=b"hello\0\1\xff", stdout=subprocess.DEVNULL, check=True)

    assert "written | aGVsbG8AAf8= aGVsbG8AAf8=" in agent.wait_for(lambda alert: True)["output"]
    assert agent.stop() == 0


def test_does_not_watch_itself(start_agent, tmp_path):
    """An alert that is written to a file does not raise the next one, though a rule is about opening that file."""
    alerts, rules = tmp_path / "own-alerts.json", tmp_path / "own.yaml"
    rules.write_text(OWN_WRITES)
    agent = start_agent(rules, settings={"file_output": {"enabled": True, "filename": str(alerts)}})
    alerts.read_bytes()
    agent.wait_for(lambda alert: alert["rule"] == "Alerts file opened")
    time.sleep(1)

    assert 1 == len(agent.alerts)
    assert agent.stop() == 0


def test_replaced_file_is_watched(start_agent, open_folder):
    """With the few privileges that are left, a hard link is told from another file also after the file was replaced."""
    file, new, link = (open_folder / name for name in ("watched", "new", "link"))
    file.write_text("")
    rules = open_folder / "watched.yaml"
    rules.write_text(f"- {{rule: w, desc: w, priority: INFO, condition: fd.name = {file}, output: '%fd.name.real'}}")
    agent = start_agent(rules)
    new.write_text("")
    link.hardlink_to(new)
    new.rename(file)
    time.sleep(0.5)
    subprocess.run(["cat", link], check=True)

    assert agent.wait_for(lambda alert: str(link) in alert["output"], seconds=5)
