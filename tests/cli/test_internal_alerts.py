"""What an agent tells of itself while it runs, and that each of that can be switched off."""

import os
import signal
from pathlib import Path

#: An output beside stdout that takes nothing, and everything that is off by default.
ON = """
json_output: true
falcohost: {heartbeat: 1, internal: {agent_started: true}}
"""


def rules(running):
    """Return the rules of its alerts about itself, in order."""
    return [one["rule"].partition(": ")[2] for one in running.alerts if one["source"] == "internal"]


def test_a_whole_life(home, until):
    """It tells its start, once, its heartbeats, and last of all that it is stopped, and by what."""
    command = [one for one in home.setup(ON, numbers={"interval": 0.05}) if "agent_stopped" not in one and one != "-o"]
    running = home.agent(*command, "--enable-source", "numbers")
    until(lambda: rules(running).count("heartbeat") >= 2, lambda: running.stderr)
    assert 0 == running.end(signal.SIGTERM)
    told = rules(running)

    assert "agent stopped" == told[-1]
    assert {"agent started", "heartbeat", "agent stopped"} == {*told}
    (started,) = [one for one in running.alerts if one["rule"].endswith("agent started")]
    (stopped,) = [one for one in running.alerts if one["rule"].endswith("agent stopped")]
    assert {"sources": ["numbers"], "rules": 1} == started["output_fields"]
    assert "SIGTERM" == stopped["output_fields"]["signal"]


def test_a_database_that_was_damaged_meanwhile(home, until):
    """A database that was damaged while nothing ran is put aside at the start, and that is told."""
    command = [*home.setup("json_output: true\n", numbers={"interval": 0.05}), "--enable-source", "numbers"]
    running = home.agent(*command)
    running.wait_for_alerts(1)
    running.end(signal.SIGTERM)
    (Path(home.environment["FALCOHOST_STATE_DIR"]) / "state.db").write_bytes(os.urandom(8192))
    again = home.agent(*command)
    until(lambda: "state damaged" in rules(again), lambda: again.stderr)

    assert 0 == again.end(signal.SIGTERM)
    assert 1 == rules(again).count("state damaged")


def test_switched_off(home, until):
    """What is switched off is not raised: neither by the supervisor nor by the store."""
    off = "falcohost: {internal: {worker_ended: false, process_restarted: false, agent_stopped: false}}\n"
    running = home.agent(
        *home.setup("json_output: true\n" + off, numbers={"interval": 0.05}), "--enable-source", "numbers"
    )
    running.wait_for_alerts(1)
    (worker,) = running.workers()
    os.kill(worker, signal.SIGKILL)
    running.wait_for("is open again")
    assert 0 == running.end(signal.SIGTERM)

    assert [] == rules(running)
