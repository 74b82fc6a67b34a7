"""The unit of packaging/ under a real systemd: start, reload, hang, restart, stop."""

import pytest

from falcohost.testing.service import OUTPUT, UNIT, running
from falcohost.testing.waiting import wait_until

LOG = "/var/log/app"

CONFIG = f"""
{OUTPUT}
watch_config_files: false
load_plugins: [json]
plugins: [{{name: json, init_config: {{sources: [{{name: app, open_params: {LOG}, follow: true}}]}}}}]
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


@pytest.fixture(scope="module")
def service(tmp_path_factory, root):
    """Return the service, with a source that follows a file."""
    files = {"/etc/falcohost/falcohost.yaml": CONFIG, "/etc/falcohost/rules.yaml": RULES, LOG: ""}
    with running(tmp_path_factory.mktemp("machine"), root, files) as service:
        yield service


@pytest.fixture
def append(service):
    """Return a function that appends a record to the log."""
    return lambda mark: service.append(LOG, f'{{"mark": "{mark}"}}')


def marks(service):
    """Return the marks of the records that were told."""
    return [one["output_fields"]["json.value[/mark]"] for one in service.alerts if one["rule"] == "Record"]


def test_start_waits_until_the_sources_are_open(service, append):
    """Systemctl returns when the agent has said that it is ready; the status says which sources are open."""
    assert "app is open" == service.show("StatusText")
    assert "running" == service.show("SubState")
    append("first")
    wait_until(lambda: marks(service) == ["first"], lambda: service.journal)


def test_reload(service):
    """A reload keeps the process, which says when it is over."""
    before = service.show("MainPID")
    service.write("/etc/falcohost/rules.yaml", RULES.replace("seen", "read"))
    service.systemctl("reload", UNIT)

    wait_until(lambda: any("Reload: 1 rule" in one["output"] for one in service.alerts), lambda: service.alerts)
    service.wait_until_open()

    assert before == service.show("MainPID")
    assert 1 == service.journal.count("SIGHUP received")


def test_a_worker_that_hangs_is_replaced(service, append):
    """One that is stopped is killed and replaced, and what came meanwhile is told; the service goes on."""
    before = service.show("MainPID")
    service.kill("STOP", service.worker)
    append("while it hangs")
    wait_until(lambda: "while it hangs" in marks(service), lambda: service.journal)

    assert (before, "0") == (service.show("MainPID"), service.show("NRestarts"))
    assert 1 == marks(service).count("while it hangs")


def test_a_supervisor_that_hangs_is_killed(service, append):
    """Systemd's watchdog kills it, and it is started again; what came meanwhile is told, once."""
    service.change("watchdog", "[Service]\nWatchdogSec=12s\n")  # a busy machine takes seconds for a start
    service.systemctl("restart", UNIT)
    before = service.show("MainPID")
    service.kill("STOP", before)
    append("without a supervisor")
    wait_until(lambda: "without a supervisor" in marks(service), lambda: service.journal)
    service.wait_until_open()

    assert "Watchdog timeout" in service.journal
    assert before != service.show("MainPID")
    assert 1 == marks(service).count("without a supervisor")


def test_killed_it_is_started_again(service, append):
    """A supervisor that is killed is back, however often that happens, and nothing is lost."""
    append("kill")
    service.kill("KILL", service.show("MainPID"))
    wait_until(lambda: "kill" in marks(service), lambda: service.journal)
    service.wait_until_open()

    assert 1 == marks(service).count("kill")
    assert "0" == service.show("StartLimitIntervalUSec")


#: What an attacker may want systemd to believe.
LIES = ("STOPPING=1", "WATCHDOG=trigger", "FDSTOREREMOVE=1\nFDNAME=falcohost-1", "MAINPID=1", "STATUS=all is well")


@pytest.mark.parametrize("who", ["a user", "a process of the service"])
def test_nobody_else_is_heard(service, who):
    """Neither a user nor another process of the service can tell systemd anything about it."""
    names = ("MainPID", "SubState", "StatusText", "NRestarts")
    before = [service.show(name) for name in names]
    service.lie(LIES, inside=who != "a user")

    assert before == [service.show(name) for name in names]
    assert 0 == service.journal.count("Watchdog request")


def test_stop_leaves_nothing(service):
    """A stop is no failure, and ends all processes."""
    service.systemctl("stop", UNIT)

    assert ("inactive", "success") == (service.show("ActiveState"), service.show("Result"))
    assert "0" == service.show("MainPID")


def test_the_service_has_few_rights(service):
    """Systemd's own measure of a service's exposure stays where it is."""
    assert 4.0 >= service.exposure
