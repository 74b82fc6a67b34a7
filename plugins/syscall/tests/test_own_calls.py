"""The agent's processes are left out as far as their jobs go: alerts do not feed themselves, nothing else is hidden."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.supervision.tampering import TAMPERED
from falcohost.testing.waiting import wait_until

#: An output that posts alerts over a new connection each time. What is answered it does, as if it were taken over.
PLUGIN = """
import http.client, socket
from falcohost import OutputError, OutputSpec, hookimpl

falcohost_api = 1

class Poster:
    def __init__(self, block):
        self.block = block

    def deliver(self, alerts):
        connection = http.client.HTTPConnection("127.0.0.1", self.block["port"], timeout=10)
        deeds = []
        try:
            for alert in alerts:
                connection.request("POST", "/", b"x")
                deeds += connection.getresponse().read().decode().split()
        except OSError as error:
            raise OutputError(str(error)) from error
        finally:
            connection.close()
        for deed in deeds:
            what, _, target = deed.partition("=")
            if what == "open":
                open(target).close()
            elif what == "connect":
                with socket.socket() as one:
                    one.connect_ex(("127.0.0.1", int(target)))
            elif what == "send":
                with socket.socket(type=socket.SOCK_DGRAM) as one:
                    one.sendto(b"x", ("127.0.0.1", int(target)))

    def reopen(self):
        pass

    def close(self):
        pass

@hookimpl
def falcohost_outputs():
    return [OutputSpec(
        name="poster", description="Posts alerts.", make=lambda block, form: Poster(block),
        connects=lambda block: [f"127.0.0.1:{block['port']}"],
    )]
"""

RULES = """
- rule: Anything
  desc: Whatever processes do whose command line names this folder, among them all of the agent.
  condition: >
    evt.type in (open, openat, openat2, creat, write, connect, sendto, rename, unlink, execve, ptrace)
    and proc.cmdline contains {folder}
  output: "%evt.type %fd.name | %proc.name %proc.pid"
  priority: NOTICE
- rule: Line
  desc: A line of the log.
  condition: json.value[/n] exists
  output: "line %json.value[/n]"
  priority: NOTICE
  source: app
"""


class Answer(BaseHTTPRequestHandler):
    """Answers what the output posts with what it is to do."""

    deeds: ClassVar[list[str]] = []
    posts: ClassVar[int] = 0

    def do_POST(self):
        """Read it and say that it was read."""
        Answer.posts += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        deed = self.deeds.pop().encode() if self.deeds else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(deed)))
        self.end_headers()
        self.wfile.write(deed)

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture(scope="module")
def posted_to():
    """Return the port of a server that takes posts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder that the rule names."""
    return tmp_path_factory.mktemp("own_calls")


@pytest.fixture(scope="module")
def agent(start_agent, folder, posted_to):
    """Return an agent with a rule that catches almost everything, a log source, and three outputs."""
    site = folder / "site"
    info = site / "falcohost_poster-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "falcohost_poster.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: falcohost-poster\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nposter = falcohost_poster\n")
    rules = folder / "rules.yaml"
    rules.write_text(RULES.format(folder=folder))
    app = {"name": "app", "open_params": str(folder / "app.log"), "follow": True}
    (folder / "app.log").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        return start_agent(
            rules,
            settings={
                "load_plugins": ["json", "poster"],
                "plugins": [{"name": "json", "init_config": {"sources": [app]}}, {"name": "poster"}],
                "file_output": {"enabled": True, "keep_alive": False, "filename": str(folder / "alerts")},
                "poster_output": {"enabled": True, "port": posted_to},
            },
        )


def do(folder, text):
    """Have a process of the folder do something."""
    subprocess.run([sys.executable, "-ISc", text, str(folder)], check=True, env={})


def told(agent, text):
    """Return whether an alert says *text*."""
    return any(text in alert["output"] for alert in agent.alerts)


def rest(agent, folder, name):
    """Return the number of alerts once all so far, and what their delivery has raised, are told.

    A process opens the file *name* only when every output has had all alerts. So what the outputs have done for these
    has happened before, and is told before.
    """
    agent_has = len(agent.alerts)
    wait_until(lambda: (folder / "alerts").read_text().count("\n") >= agent_has <= Answer.posts)
    do(folder, f"open('{folder}/{name}', 'w').close()")
    wait_until(lambda: told(agent, name))
    return len(agent.alerts)


def test_alerts_do_not_feed_themselves(agent, folder):
    """Alerts about calls of a stranger and about a log are written, posted and stored, and then there are no more."""
    do(folder, f"open('{folder}/touched-first', 'w').close()")
    wait_until(lambda: told(agent, "touched-first"))
    before = rest(agent, folder, "touched-before")  # what outputs do once, with their first alerts
    for n in range(20):
        do(folder, f"open('{folder}/touched-{n}', 'w').close()")
        with (folder / "app.log").open("a") as log:
            log.write(json.dumps({"n": n}) + "\n")
    wait_until(lambda: told(agent, "touched-19") and told(agent, "line 19"))
    rest(agent, folder, "touched-behind")
    after = rest(agent, folder, "touched-behind-all")
    processes = {agent.process.pid, *agent.processes()}
    own = [a["output"] for a in agent.alerts[before:after] if a["output_fields"].get("proc.pid") in processes]

    assert [] == own
    assert all(told(agent, f"touched-{n}") and told(agent, f"line {n}") for n in range(20))


def test_what_is_not_of_the_job(agent, folder, open_folder):
    """An output that opens a file, connects or sends elsewhere is seen doing so, like anybody."""
    stranger = open_folder / "stranger"
    stranger.touch(mode=0o644)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        port = elsewhere.getsockname()[1]
        Answer.deeds += [f"connect={port}", f"open={stranger}", "send=9"]
        do(folder, f"open('{folder}/touched-again', 'w').close()")
        outputs = agent.service(OUTPUTS)
        wait_until(lambda: told(agent, f"openat {stranger} | {OUTPUTS} {outputs}"))
        wait_until(lambda: told(agent, "sendto") and told(agent, f":9 | {OUTPUTS} {outputs}"))
        wait_until(lambda: told(agent, f"127.0.0.1:{port} | {OUTPUTS} {outputs}"))


def test_a_worker_that_is_replaced(agent, folder, syscall_worker):
    """The next reader is left out too, and alerts still come to rest."""
    worker = syscall_worker(agent.process.pid)
    os.kill(worker, signal.SIGKILL)
    agent.wait_for_log(lambda log: "Event source 'syscall' is open again" in log)
    do(folder, f"open('{folder}/touched-later', 'w').close()")
    wait_until(lambda: told(agent, "touched-later"))
    rest(agent, folder, "touched-last")
    worker = syscall_worker(agent.process.pid)

    assert not [a for a in agent.alerts if a["output_fields"].get("proc.pid") == worker]
    assert not [alert for alert in agent.alerts if alert["rule"] == TAMPERED]
