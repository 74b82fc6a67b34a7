"""The supervisor ends, and what happens until the next one reads is told, once: through systemd, and by itself."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from marks import Marks
from workload import captures

from falcohost.testing.agent import Agent
from falcohost.testing.cli import run_cli
from falcohost.testing.service import OUTPUT, UNIT, running
from falcohost.testing.waiting import SLOWNESS, wait_until

RULES = """
- rule: Mark
  desc: A marked file is opened.
  condition: evt.type in (open, openat, openat2) and fd.name contains {mark} and evt.is_open_write = true
  output: mark (file=%fd.name)
  priority: NOTICE
"""

#: Needs another call, and so another filter.
MORE = """
- rule: Removed
  desc: A file that nobody has is removed.
  condition: evt.type = unlinkat and fd.name endswith /nobody-has-this
  output: removed
  priority: DEBUG
"""

#: All files differ, so many of them at once are no flood.
SETTINGS = {"watch_config_files": False, "falcohost": {"fold": {"enabled": False}}}

ATTACKS = Path(__file__).with_name("attacks.py")
GOES_ON = "The probe of an earlier agent goes on."


def marking(folder):
    """Make marks, some hundreds a second where a processor is not emulated: starts take as much longer there."""
    return Marks(folder / f"{folder.name}-", 0.003 * SLOWNESS)


def counts(alerts, marks):
    """Return how often each mark was told."""
    found = [0] * marks.made
    for one in alerts:
        if one["rule"] == "Mark":
            found[int(one["output_fields"]["fd.name"].rpartition("-")[2])] += 1
    return found


def wait_for(alerts, marks):
    """Wait until each mark is told; return how often each was."""
    wait_until(lambda: all(counts(alerts(), marks)), lambda: f"{counts(alerts(), marks).count(0)} marks are not told")
    return counts(alerts(), marks)


@pytest.fixture
def folder(tmp_path_factory):
    """Return a folder whose name nobody else uses."""
    return tmp_path_factory.mktemp(f"mark{os.urandom(4).hex()}")


def test_upgrades(tmp_path, folder, bpf, soak):
    """The agent goes over to what is installed, with its probe: no mark is missing, and none comes twice."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(mark=folder.name))
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        agent.wait_until_ready()
        with marking(folder) as marks:
            for _ in range(soak(20, 2)):
                done = run_cli("upgrade", "--state-dir", str(tmp_path / "state"))
                assert (0, "") == (done.returncode, done.stderr)
        found = wait_for(lambda: agent.alerts, marks)

        assert [1] * marks.made == found
        assert soak(20, 2) == agent.log.count(GOES_ON) == agent.log.count("Ready after") - 1
        subprocess.run([sys.executable, ATTACKS, str(agent.process.pid), "zero", "calls"], check=True)
        agent.wait_for(lambda alert: "entries of the map 'calls' were changed" in alert["output"])
        os.close(os.open(f"{folder}/{folder.name}-0", os.O_WRONLY))
        wait_until(lambda: counts(agent.alerts, marks)[0] == 2)
    finally:
        agent.kill()


def test_another_engine_after_a_restart(tmp_path, folder, bpf):
    """An agent that goes over to a capture lets go of the probe, reads the capture to its end, and ends."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(mark=folder.name))
    capture = tmp_path / "marks.scap"
    opened = captures.event("open", 7, fd=3, name=f"{folder}/{folder.name}-0".encode(), flags=2, mode=0, dev=1, ino=2)
    capture.write_bytes(captures.section() + opened)
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        agent.wait_until_ready()
        config = json.loads((tmp_path / "falco.yaml").read_text())
        config["engine"] = {"kind": "replay", "replay": {"capture_file": str(capture)}}
        (tmp_path / "falco.yaml").write_text(json.dumps(config))
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: agent.process.poll() is not None, lambda: agent.log)

        assert 0 == agent.process.returncode, agent.log
        assert "invalid message" not in agent.log
        assert "Mark" == agent.alerts[-1]["rule"]
    finally:
        agent.kill()


def test_other_rules_after_a_restart(tmp_path, folder, bpf):
    """The probe goes on until another one, for the new rules, is loaded; in between, too, all is told once."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(mark=folder.name))
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        agent.wait_until_ready()
        with marking(folder) as marks:
            config = json.loads((tmp_path / "falco.yaml").read_text())
            (tmp_path / "falco.yaml").write_text(json.dumps(config | {"output_timeout": 2001}))
            rules.write_text(RULES.format(mark=folder.name) + MORE)
            agent.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "is open again" in agent.log, lambda: agent.log)
        found = wait_for(lambda: agent.alerts, marks)

        assert "another loader prepares everything anew" in agent.log
        assert [1] * marks.made == found
    finally:
        agent.kill()


def test_systemd_keeps_the_probe(tmp_path_factory, root, folder, bpf):
    """A supervisor is killed, or restarted: what happens until the next one reads is told, once."""
    patience = round(60 * SLOWNESS)  # where a processor is emulated, the probe is checked for minutes
    config = f"{OUTPUT}falcohost: {{fold: {{enabled: false}}, source_timeout: {patience}}}\n"
    config += "rules_files: [/etc/falcohost/rules.yaml]\n"
    rules = RULES.format(mark=folder.name)
    files = {"/etc/falcohost/falcohost.yaml": config, "/etc/falcohost/rules.yaml": rules}
    with running(tmp_path_factory.mktemp("machine"), root, files) as service, marking(folder) as marks:
        wait_until(lambda: service.show("NFileDescriptorStore") == "1", lambda: service.journal)
        for number in range(2):
            service.kill("KILL", service.show("MainPID"))
            wait_until(lambda number=number: service.journal.count(GOES_ON) > number, lambda: service.journal)
            service.wait_until_open()
        service.systemctl("restart", UNIT)
        marks.end()
        found = wait_for(lambda: service.alerts, marks)

        assert [1] * marks.made == found
        assert 3 == service.journal.count(GOES_ON)
        service.systemctl("stop", UNIT)
        assert "0" == service.show("NFileDescriptorStore")
