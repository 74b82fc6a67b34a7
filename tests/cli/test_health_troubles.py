"""The endpoints of an agent in which something does not work, or that is no longer what it was."""

import os
import signal
import socket

from endpoints import CONFIG, SOURCE, Client, serving, value

from falcohost.host.health.given import NAME as HEALTH

#: Python code after which a package is missing.
MISSING = """
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name == "prometheus_client" else find(name, *more)
"""


def test_a_worker_that_cannot_be_opened(home, until):
    """The agent does not work while a source is down, and works again when it is back."""
    blocked = home.folder / "blocked"
    with serving(home, until, refuse_once=str(blocked)) as client:
        blocked.touch()
        os.kill(client.agent.workers()[0], signal.SIGKILL)

        until(lambda: (client.status("/healthz"), client.status("/readyz")) == (503, 503))
        assert '{"status":"failing"}\n' == client.ask("/healthz")[2]
        blocked.unlink()
        until(lambda: (client.status("/healthz"), client.status("/readyz")) == (200, 200))


def test_a_supervisor_that_hangs(home, until):
    """The agent does not work while its supervisor is stopped; when it is killed, nobody answers any more."""
    with serving(home, until) as client:
        client.agent.process.send_signal(signal.SIGSTOP)
        until(lambda: client.status("/healthz") == 503)
        client.agent.process.send_signal(signal.SIGCONT)
        until(lambda: client.status("/healthz") == 200)
        client.agent.process.kill()
        client.agent.wait()
        until(lambda: client.status("/healthz") == 0)


def test_its_own_end(home, until):
    """If its process is killed or stopped, another takes its place; the source goes on, and an alert tells."""
    with serving(home, until) as client:
        first, worker = client.process, client.agent.workers()
        os.kill(first, signal.SIGKILL)
        until(lambda: client.status("/readyz") == 200 and client.process != first)
        second = client.process
        os.kill(second, signal.SIGSTOP)
        until(lambda: client.process != second and client.status("/readyz") == 200)

        told = [one for one in client.agent.alerts if one["rule"] == "Falcohost internal: process restarted"]
        assert {"health"} == {one["output_fields"]["process"] for one in told}
        assert worker == client.agent.workers()
        text = client.ask("/metrics")[2]
        assert 2 == value(text, 'falcohost_process_restarts_total{process="health",source=""}')


def test_a_port_that_is_taken(home, until):
    """The agent detects without its endpoints, says why, and serves them when the port is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = CONFIG.format(port=port, folder=home.folder)
        running = home.agent(*home.setup(config, numbers={"interval": 0.02}), *SOURCE)
        running.wait_for("webserver: cannot listen on 127.0.0.1")
        running.wait_for("Ready after")
        assert running.wait_for_alerts(1)
    until(lambda: Client(running, port).status("/readyz") == 200, lambda: running.stderr)
    assert 1 == running.stderr.count("cannot listen")


def test_rules_that_are_reloaded(home, until):
    """After a reload the metrics have the new rules, from the same process."""
    with serving(home, until) as client:
        process = client.process
        rules = (home.folder / "rules.yaml").read_text()
        (home.folder / "rules.yaml").write_text(rules.replace("Every number", "Each number"))
        client.agent.process.send_signal(signal.SIGHUP)
        name = 'falcosecurity_falco_rules_matches_total{priority="5",rule_name="Each number"'
        until(lambda: name in client.ask("/metrics")[2], lambda: client.agent.stderr)

        assert process == client.process


def test_nothing_without_the_packages(home):
    """Without the packages of the extra the agent runs, and says how to install them."""
    site = home.folder / "missing"
    site.mkdir()
    (site / "sitecustomize.py").write_text(MISSING)
    home.environment["PYTHONPATH"] = f"{site}:{home.environment['PYTHONPATH']}"
    running = home.agent(*home.setup("webserver: {enabled: true}\n", numbers={"interval": 0.02}), *SOURCE)
    running.wait_for("Ready after")

    assert "webserver is enabled, but prometheus_client is not installed: pip install" in running.stderr
    assert HEALTH not in running.children().values()


def test_an_agent_that_starts_anew(home, until):
    """After a change of the configuration the agent starts anew in place, and serves the same port again."""
    with serving(home, until) as client:
        process = client.process
        file = home.folder / "falco.yaml"
        file.write_text(file.read_text().replace("json_output: true", "json_output: true\ntime_format_iso_8601: true"))
        client.agent.process.send_signal(signal.SIGHUP)
        client.agent.wait_for("restarting...")
        until(lambda: client.process not in (0, None, process) and client.status("/readyz") == 200)

        assert 1 == client.agent.stderr.count("restarting...")
        assert "cannot listen" not in client.agent.stderr
