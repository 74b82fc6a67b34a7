"""Rule tests of system calls: what is recorded passes offline, as the live agent judges; captures and commands."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing.cli import run_cli

RULES = """
- rule: Link to a file of accounts read
  desc: d
  condition: >
    evt.type in (open, openat) and evt.is_open_read = true and fd.name in (/etc/passwd, /etc/group)
    and not proc.name = id
  output: read by %proc.name below %proc.pname
  priority: INFO
- rule: Program of a folder that anybody may write to
  desc: d
  condition: evt.type = execve and evt.arg.res = 0 and proc.exepath startswith MARK
  output: ran %proc.exepath
  priority: INFO
- rule: Mode changed
  desc: d
  condition: evt.type in (chmod, fchmodat) and evt.arg.filename endswith secret and proc.aname[1] = sh
  output: changed
  priority: INFO
"""

#: What is recorded: a link, a copied program, a mode; and close ones beside.
DONE = """
ln -s /etc/passwd link && cat link /etc/hostname > /dev/null && id > /dev/null
cp /bin/true true && ./true && touch secret other && chmod 600 secret && chmod 600 other
"""


@pytest.fixture
def folder(bpf, tmp_path):
    """Return a folder with the rules."""
    (tmp_path / "rules.yaml").write_text(RULES.replace("MARK", str(tmp_path)))
    return tmp_path


@pytest.fixture
def falcohost(folder):
    """Return a function that runs a command there."""

    def falcohost(*arguments, status=0, **environment):
        done = run_cli(
            "-r", "rules.yaml", "rules", "test", *arguments, folder=folder, environment=dict(os.environ) | environment
        )
        assert status == done.returncode, done.stderr + done.stdout
        return done.stdout + done.stderr

    return falcohost


def test_a_recorded_test_passes_as_the_agent_judges(falcohost, folder, start_agent):
    """What is recorded passes offline at once, and expects the rules on which the agent alerts for the same command."""
    agent = start_agent(folder / "rules.yaml")
    run = folder / "run"
    run.mkdir()
    (run / "do").write_text(DONE)
    subprocess.run(["sh", "do"], cwd=run, check=True)
    told = {agent.wait_for(lambda alert, name=name: alert["rule"] == name)["rule"] for name in names(RULES)}
    agent.stop()
    (folder / "again").mkdir()
    said = falcohost(
        "--record", "what is done", "--into", "a_test.yaml", "--", "sh", "-c", f"cd again; {DONE}", SECRET="hunter2"
    )

    assert names(RULES) == told
    assert "exit status 0" in said
    found = json.loads(falcohost("--json", "--coverage", "a_test.yaml"))
    (one,) = found["tests"]
    assert ("passed", sorted(told)) == (one["result"], one["fired"])
    assert found["coverage"]["percent"] > 50  # close events are there too
    assert "hunter2" not in (folder / "a_test.yaml").read_text()


def test_the_page_can_be_followed(bpf, tmp_path):
    """What the documentation says about recording works as it is written there."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "rule-tests.md").read_text()
    for name, text in re.findall(r"^`(\w+\.yaml)`:\n\n```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[:2]:
        (tmp_path / name).write_text(text)
    (told,) = re.findall(r"^```sh\n(falcohost .*?)\n```", page, re.MULTILINE | re.DOTALL)
    done = run_cli(*shlex.split(told)[1:], folder=tmp_path)

    assert (0, "") == (done.returncode, done.stdout), done.stderr
    assert "fires: Password hashes read" in done.stderr
    again = run_cli("rules", "test", folder=tmp_path)
    assert "shadow_test.yaml  4 passed" in again.stdout, again.stdout


def names(rules):
    """Return the names of the rules."""
    return {line.removeprefix("- rule: ") for line in rules.splitlines() if line.startswith("- rule")}


def test_recording_adds_to_a_file(falcohost, folder):
    """A second test is added behind the first; the same name again is refused, and so is a command without events."""
    falcohost("--record", "one: a 'name'", "--into", "a_test.yaml", "--", "cat", "/etc/passwd")
    falcohost("--record", "two", "--into", "a_test.yaml", "--", "cat", "/etc/group")

    assert "2 passed" in falcohost("a_test.yaml")
    assert "there is a test 'two' in" in falcohost("--record", "two", "--into", "a_test.yaml", "--", "id", status=2)
    assert "cannot be run: No such file" in falcohost("--record", "x", "--", "/nowhere", status=2)
    assert {"a_test.yaml", "rules.yaml"} == {path.name for path in folder.iterdir() if path.is_file()}


#: Opens a file all the time, as a process with more ancestors than filters know.
FLOOD = """
import os
for _ in range(12):
    if child := os.fork():
        os.waitpid(child, 0)
        os._exit(0)
print(flush=True)
while os.getppid() != 1:
    os.close(os.open("/etc/passwd", os.O_RDONLY))
"""

#: Reads a file, with as many ancestors.
DEEP = "import os\nfor _ in range(12):\n    os.fork() and os._exit(os.wait()[1] >> 8)\nopen('/etc/group').close()"


def test_what_others_do_meanwhile_costs_nothing(falcohost, folder):
    """A command is recorded in whole while other processes cause more events of the same types than can be read."""
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            flood = subprocess.Popen([sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, process_group=0)
            stack.callback(flood.wait)
            stack.callback(os.killpg, flood.pid, signal.SIGKILL)
            assert flood.stdout is not None
            stack.enter_context(flood.stdout).readline()
        said = falcohost("--record", "deep", "--into", "a_test.yaml", "--", sys.executable, "-c", DEEP)

    assert "fires: Link to a file of accounts read" in said
    assert "1 passed" in falcohost("a_test.yaml")


def test_a_file_that_is_written_otherwise_stays(falcohost, folder):
    """A file in which no test can be added at the end stays as it is."""
    text = "tests: [{name: a, source: syscall, events: [{type: openat}], expect: none}]\n"
    (folder / "a_test.yaml").write_text(text)

    said = falcohost("--record", "b", "--into", "a_test.yaml", "--", "cat", "/etc/passwd", status=2)

    assert "nothing is added" in said
    assert text == (folder / "a_test.yaml").read_text()


def test_commands(falcohost, folder):
    """With --run-commands a test with a command passes or fails by what the command causes."""
    rule = "Link to a file of accounts read"
    tests = [
        {"name": "cat", "command": ["cat", "/etc/passwd"], "expect": [rule], "others": True},
        {"name": "id", "command": ["cat", "/etc/hostname"], "expect": "none"},
        {"name": "wrong", "command": ["cat", "/etc/group"], "expect": "none"},
    ]
    (folder / "a_test.yaml").write_text(json.dumps({"rules": ["rules.yaml"], "tests": tests}))
    found = json.loads(falcohost("--json", "--run-commands", "a_test.yaml", status=1))

    assert ["passed", "passed", "failed"] == [one["result"] for one in found["tests"]], [
        one["differences"] for one in found["tests"]
    ]
    assert [f"'{rule}' fires"] == [one["said"] for one in found["tests"][2]["differences"]]


@pytest.mark.parametrize("event", ['{"type": "opena"}', '{"type": "openat", "fd": {"number": "x"}}', "[]", "nothing"])
def test_events_that_are_none_fail(falcohost, folder, event):
    """A test with an event that is none fails, and says which and why."""
    tests = {
        "rules": ["rules.yaml"],
        "tests": [{"name": "a", "source": "syscall", "events": [event], "expect": "none"}],
    }
    (folder / "a_test.yaml").write_text(json.dumps(tests))

    assert "there is no event in it (event 1: " in falcohost("a_test.yaml", status=1)
