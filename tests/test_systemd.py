"""The unit of packaging/ under a real systemd: start, reload, hang, restart, stop."""

import json
import sys
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import PROGRAM
from falcohost.testing.machine import Machine
from falcohost.testing.waiting import wait_until

UNIT = "falcohost.service"

CONFIG = """
json_output: true
log_syslog: false
stdout_output: {enabled: false}
file_output: {enabled: true, filename: /var/log/falcohost/alerts}
load_plugins: [json]
plugins: [{name: json, init_config: {sources: [{name: app, open_params: /var/log/app, follow: true}]}}]
rules_files: [/etc/falcohost/rules.yaml]
"""

RULES = """
- rule: Record
  desc: Fires on every record.
  condition: json.value[/mark] != ""
  output: seen | %json.value[/mark]
  priority: NOTICE
  source: app
"""

#: What the test changes of the unit: where the program is.
DROP_IN = f"[Service]\nExecStart=\nExecStart={PROGRAM}\n"


class Service:
    """The unit in a machine, with a source that follows a file."""

    def __init__(self, machine, unit):
        self._machine = machine
        machine.write("/etc/systemd/system/falcohost.service", unit.read_text())
        machine.write("/etc/falcohost/falcohost.yaml", CONFIG)
        machine.write("/etc/falcohost/rules.yaml", RULES)
        machine.write("/var/log/app", "")
        self.change("program", DROP_IN)

    def change(self, name, text):
        """Add a drop-in to the unit."""
        self._machine.write(f"/etc/systemd/system/falcohost.service.d/{name}.conf", text)
        self.systemctl("daemon-reload")

    def change_rules(self, before, after):
        """Replace a text in the rules."""
        self._machine.write("/etc/falcohost/rules.yaml", RULES.replace(before, after))

    def systemctl(self, *arguments):
        """Run systemctl, which has to succeed."""
        done = self._machine.run("systemctl", *arguments)
        assert done.returncode == 0, f"{done.stdout}\n{self.journal}"

    def show(self, name):
        """Return a property of the unit."""
        return self._machine.run("systemctl", "show", "--value", f"-p{name}", UNIT).stdout.strip()

    @property
    def journal(self):
        """What the service has logged."""
        return self._machine.run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").stdout

    @property
    def worker(self):
        """The pid of the source's worker, as the machine sees it."""
        found = self._machine.run("pgrep", "-x", "-P", self.show("MainPID"), "falcohost").stdout
        return int(found)

    @property
    def exposure(self):
        """What systemd thinks of its rights, from 0 to 10."""
        lines = self._machine.run("systemd-analyze", "security", "--no-pager", UNIT).stdout.splitlines()
        (found,) = (line.split(":")[1].split()[0] for line in lines if "Overall exposure" in line)
        return float(found)

    def append(self, mark):
        """Append a record to the log."""
        self._machine.run("sh", "-c", f'echo \'{{"mark": "{mark}"}}\' >> /var/log/app')

    @property
    def alerts(self):
        """The alerts so far."""
        lines = self._machine.run("cat", "/var/log/falcohost/alerts").stdout.rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def marks(self):
        """The marks of the records that were told."""
        return [one["output_fields"]["json.value[/mark]"] for one in self.alerts if one["rule"] == "Record"]

    def kill(self, how, pid):
        """Send a process a signal."""
        assert self._machine.run("kill", f"-{how}", str(pid)).returncode == 0

    def wait_until_open(self):
        """Wait until the service is running, and its source open."""
        wait_until(
            lambda: self.show("SubState") == "running" and self.show("StatusText") == "app is open",
            lambda: self.journal,
        )


@pytest.fixture(scope="module")
def service(tmp_path_factory, root):
    """Return the unit, started in a machine of its own."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "mount").mkdir()
    seen = dict.fromkeys(Path(one).resolve() for one in (root, sys.prefix, sys.base_prefix))
    try:
        machine = Machine(folder / "mount", list(seen))
    except OSError as error:
        skip_or_fail("systemd", f"systemd cannot be booted: {error}")
    try:
        service = Service(machine, root / "packaging" / "falcohost.service")
        service.systemctl("start", UNIT)
        yield service
    finally:
        machine.close()


def test_start_waits_until_the_sources_are_open(service):
    """Systemctl returns when the agent has said that it is ready; the status says which sources are open."""
    assert "app is open" == service.show("StatusText")
    assert "running" == service.show("SubState")
    service.append("first")
    wait_until(lambda: service.marks == ["first"], lambda: service.journal)


def test_reload_returns_when_the_rules_are_read(service):
    """A reload keeps the process, and is over when systemctl returns."""
    before = service.show("MainPID")
    service.change_rules("seen", "read")
    service.systemctl("reload", UNIT)

    assert (before, "running") == (service.show("MainPID"), service.show("SubState"))
    assert 1 == service.journal.count("SIGHUP received")
    wait_until(lambda: any("Reload: 1 rule" in one["output"] for one in service.alerts), lambda: service.alerts)


def test_a_worker_that_hangs_is_replaced(service):
    """One that is stopped is killed and replaced, and what came meanwhile is told; the service goes on."""
    before = service.show("MainPID")
    service.kill("STOP", service.worker)
    service.append("while it hangs")
    wait_until(lambda: "while it hangs" in service.marks, lambda: service.journal)

    assert (before, "0") == (service.show("MainPID"), service.show("NRestarts"))
    assert 1 == service.marks.count("while it hangs")


def test_a_supervisor_that_hangs_is_killed(service):
    """Systemd's watchdog kills it, and it is started again; what came meanwhile is told, once."""
    service.change("watchdog", "[Service]\nWatchdogSec=4s\n")
    service.systemctl("restart", UNIT)
    before = service.show("MainPID")
    service.kill("STOP", before)
    service.append("without a supervisor")
    wait_until(lambda: "without a supervisor" in service.marks, lambda: service.journal)
    service.wait_until_open()

    assert "Watchdog timeout" in service.journal
    assert before != service.show("MainPID")
    assert 1 == service.marks.count("without a supervisor")


def test_killed_it_is_started_again(service):
    """A supervisor that is killed is back, however often that happens, and nothing is lost."""
    service.append("kill")
    service.kill("KILL", service.show("MainPID"))
    wait_until(lambda: "kill" in service.marks, lambda: service.journal)
    service.wait_until_open()

    assert 1 == service.marks.count("kill")
    assert "0" == service.show("StartLimitIntervalUSec")


def test_stop_leaves_nothing(service):
    """A stop is no failure, and ends all processes."""
    service.systemctl("stop", UNIT)

    assert ("inactive", "success") == (service.show("ActiveState"), service.show("Result"))
    assert "0" == service.show("MainPID")


def test_the_service_has_few_rights(service):
    """Systemd's own measure of a service's exposure stays where it is."""
    assert 4.0 >= service.exposure
