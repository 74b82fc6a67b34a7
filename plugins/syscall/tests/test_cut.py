"""Arguments and environments that are longer than what the kernel keeps: read to their end, or said to be undecided."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing.waiting import PATIENCE

RULES = """
- macro: opens
  condition: evt.type = openat and fd.directory = {folder}
- rule: Late argument
  desc: A program is started with an argument beyond 4 KiB.
  condition: evt.type = execve and proc.name = true and proc.args contains LATE_MARK
  output: late argument %proc.name
  priority: NOTICE
- rule: Shown
  desc: A program is started whose arguments and environment are not known to their ends.
  condition: evt.type = execve and proc.name = shown and not proc.name startswith NOWHERE
  output: shown %evt.args %evt.arg.args %evt.arg.env %proc.env %proc.args[1] %proc.cmdline
  priority: NOTICE
- rule: Late variable
  desc: A program is started with a variable beyond 4 KiB.
  condition: evt.type = execve and proc.name = true and proc.env[LATE_VARIABLE] = here
  output: late variable %proc.name
  priority: NOTICE
- rule: Last argument
  desc: A file is opened by a process with many arguments.
  condition: opens and proc.args endswith LAST_MARK
  output: last argument %fd.name
  priority: NOTICE
- rule: No such argument
  desc: A file is opened by a process without this argument.
  condition: opens and not proc.cmdline contains NOWHERE
  output: no such argument %fd.name
  priority: NOTICE
- rule: Told by its beginning
  desc: What the beginning tells is decided.
  condition: opens and (proc.cmdline startswith nothing or proc.args[0] = other or proc.cmdline in (a, b))
  output: beginning %fd.name
  priority: NOTICE
- rule: Cut
  desc: A file is opened by a process of which not all is known.
  condition: opens and evt.is_cut = true and proc.args[1] startswith import
  output: cut %fd.name %proc.cmdline
  priority: NOTICE
- rule: End
  desc: All is done.
  condition: opens and fd.filename = end
  output: end
  priority: NOTICE
"""
UNDECIDED = "Falcohost internal: rule undecided"
OPENS = "import sys; open(sys.argv[1])"
KIB = 1024


@pytest.fixture(scope="module")
def folder(open_folder):
    """Return a folder with the files that are opened."""
    folder = open_folder / "cut"
    folder.mkdir(mode=0o755)
    for name in ("whole", "hopeless", "again", "short", "brief", "end"):
        (folder / name).write_text("")
    return folder


@pytest.fixture(scope="module")
def agent(start_agent, folder):
    """Return an agent with the rules of this file."""
    (folder / "rules.yaml").write_text(RULES.format(folder=folder))
    return start_agent(folder / "rules.yaml", settings={"rule_matching": "all"})


def open_with(path: Path, *arguments: str) -> None:
    """Have a process with these arguments open a file."""
    subprocess.run([sys.executable, "-ISc", OPENS, path, *arguments], check=True)


def until_end(agent, folder: Path) -> list[dict[str, object]]:
    """Return the alerts up to one for the end, which is raised here."""
    before = sum(alert["rule"] == "End" for alert in agent.alerts)
    open_with(folder / "end")
    agent.wait_for(lambda _: sum(alert["rule"] == "End" for alert in agent.alerts) > before)
    return agent.alerts


@pytest.mark.parametrize(("size", "times"), [(5 * KIB, 1), (12 * KIB, 1), (3 * KIB, 4)])
def test_late_argument(agent, size, times):
    """An argument beyond the first 4 KiB is seen, also of a program that ends at once."""
    before = sum(alert["rule"] == "Late argument" for alert in agent.alerts)
    subprocess.run(["/bin/true", *["x" * size] * times, "LATE_MARK"], check=True)
    agent.wait_for(lambda _: sum(alert["rule"] == "Late argument" for alert in agent.alerts) > before)


def test_programs_that_end_at_once(agent, folder):
    """Arguments of up to 128 KiB are known of a program that has ended long before a rule asks for them."""

    def told(rule: str) -> int:
        return sum(alert["rule"] == rule for alert in agent.alerts[before:])

    sizes = [number * 4 * KIB + 2000 for number in range(2, 30)]
    before = len(agent.alerts)
    for done, size in enumerate(sizes, 1):
        subprocess.run(["/bin/true", *["x" * KIB] * (size // KIB), "LATE_MARK"], check=True)
        open_with(folder / "brief", *["z" * KIB] * (size // KIB), "LAST_MARK")
        # Long arguments have a budget, which a reader that does not get to run would use up.
        agent.wait_for(lambda _, done=done: done == told("Last argument"))
    rules = [alert["rule"] for alert in until_end(agent, folder)[before:]]

    assert len(sizes) == rules.count("Late argument")
    assert (len(sizes), len(sizes) + 1) == (rules.count("Last argument"), rules.count("No such argument"))
    assert UNDECIDED not in rules


def test_shown(agent, folder):
    """Outputs show what is known of arguments and environment that are too long."""
    shutil.copy("/bin/true", folder / "shown")
    subprocess.run([folder / "shown", *["x" * 60 * KIB] * 2], env={"NAME": "y" * 100 * KIB}, check=True)
    found = agent.wait_for(lambda alert: alert["rule"] == "Shown")["output_fields"]

    assert found["proc.cmdline"].startswith("shown xxx")
    assert found["proc.env"].startswith("NAME=yyy")
    assert found["evt.arg.env"].startswith("NAME=yyy")


def test_late_variable(agent):
    """A variable beyond the first 4 KiB of the environment is seen."""
    subprocess.run(["/bin/true"], env={"FIRST": "x" * 9 * KIB, "LATE_VARIABLE": "here"}, check=True)
    agent.wait_for(lambda alert: alert["rule"] == "Late variable")


def test_arguments_are_read_to_their_end(agent, folder):
    """Of a process that lives up to 128 KiB are read when a rule asks for them."""
    script = "import sys; open(sys.argv[1]); print(flush=True); sys.stdin.readline()"
    command = [sys.executable, "-ISc", script, folder / "whole", *["y" * KIB] * 100, "LAST_MARK"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    alerts = until_end(agent, folder)
    process.communicate(b"\n")
    rules = {alert["rule"] for alert in alerts if str(folder / "whole") in alert["output"]}

    assert {"Last argument", "No such argument"} == rules
    assert [] == [alert["output"] for alert in alerts if alert["rule"] == UNDECIDED]


def test_undecided(agent, folder):
    """A rule that hangs on what is not known does not fire; one alert names it and the field, and no other rule."""
    for name in ("hopeless", "again"):
        open_with(folder / name, *["z" * KIB] * 200, "LAST_MARK")
    open_with(folder / "short", "LAST_MARK")
    agent.wait_for(lambda alert: alert["rule"] == UNDECIDED)
    alerts = until_end(agent, folder)
    rules = [alert["rule"] for alert in alerts if str(folder / "hopeless") in alert["output"]]
    told = [alert["output_fields"] for alert in alerts if alert["rule"] == UNDECIDED]

    assert ["Cut"] == rules
    assert ["Last argument", "No such argument"] == sorted(fields["rule"] for fields in told)
    assert {"Last argument": ["proc.args"], "No such argument": ["proc.cmdline"]} == {
        fields["rule"]: fields["fields"] for fields in told
    }
    agent.wait_for(
        lambda alert: alert["rule"] == "Last argument" and str(folder / "short") in alert["output"], PATIENCE
    )


def test_started_before(start_agent, folder):
    """Of a process that was there before the agent long arguments are read as well."""
    (folder / "before.yaml").write_text(RULES.format(folder=folder))
    script = "import sys; sys.stdin.readline(); open(sys.argv[1]); sys.stdin.readline()"
    command = [sys.executable, "-ISc", script, folder / "whole", "v" * 20 * KIB, "LAST_MARK"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env={"PATH": os.defpath})
    agent = start_agent(folder / "before.yaml", settings={"rule_matching": "all"})
    process.stdin.write(b"\n")
    process.stdin.flush()
    agent.wait_for(lambda alert: alert["rule"] == "Last argument")
    process.communicate(b"\n")
