"""How long it takes from a system call to the signal that an action sends: ``script/bench response [SHELLS]``.

Starts an agent with the action ``kill`` bound to a rule, then so many shells one after the other, and prints the time
from the event to the signal, as the agent tells it, and from the event to the end of the shell, as its parent sees it.
The call itself has happened by then: the shell runs until the signal ends it.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from falcohost.testing.agent import Agent

RULE = """
- rule: Shell
  desc: A shell is started.
  condition: evt.type = execve and proc.exepath = {shell}
  output: shell %proc.pid %evt.rawtime
  priority: NOTICE
  actions: [zap]
"""

#: Seconds between two shells, and that one has to be killed in.
PAUSE, PATIENCE = 0.02, 30.0

_DELAY = re.compile(r"process (\d+) .*, ([0-9.]+) ms after the event")


def main(shells: int) -> None:
    """Print the table, and a line of JSON."""
    with tempfile.TemporaryDirectory(prefix="falcohost-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shell = folder / "shell"
        shell.write_bytes(Path("/bin/sh").resolve().read_bytes())
        shell.chmod(0o755)
        (folder / "rules.yaml").write_text(RULE.format(shell=shell))
        actions = {"enabled": True, "mode": "act", "max_per_minute": 6000, "define": {"zap": {"type": "kill"}}}
        agent = Agent(folder, [folder / "rules.yaml"], settings={"actions": actions})
        try:
            agent.wait_until_ready()
            ends, killed = _run(shell, shells)
            told = _told(agent, killed)
        finally:
            agent.kill()
    print(f"{killed} of {shells} shells were killed; milliseconds")
    print(f"{'':32}{'p50':>8}{'p90':>8}{'p99':>8}{'most':>8}")
    found = {"event to signal": told, "start to end of the shell": ends}
    for what, values in found.items():
        print(f"{what:32}" + "".join(f"{value:8.1f}" for value in _shares(values)))
    print(json.dumps({what: _shares(values) for what, values in found.items()} | {"killed": killed, "shells": shells}))


def _run(shell: Path, shells: int) -> tuple[list[float], int]:
    """Return how long each shell lived, in milliseconds, and how many were killed."""
    ends, killed = [], 0
    for _ in range(shells):
        begun = time.monotonic()
        process = subprocess.Popen([shell, "-c", "read x"], stdin=subprocess.PIPE)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            continue
        ends.append((time.monotonic() - begun) * 1000)
        killed += code == -signal.SIGKILL
        time.sleep(PAUSE)
    return ends, killed


def _told(agent: Agent, killed: int) -> list[float]:
    """Return the delays that the agent has told, in milliseconds."""
    end = time.monotonic() + PATIENCE
    while True:
        found = [_DELAY.search(alert["output"]) for alert in agent.alerts if "internal: action" in alert["rule"]]
        delays = [float(one[2]) for one in found if one is not None]
        if len(delays) >= killed or time.monotonic() > end:
            return delays
        time.sleep(0.1)


def _shares(values: list[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.9, 0.99, 1.0)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
