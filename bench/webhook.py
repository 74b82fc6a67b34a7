"""Measures how many audit events per second a webhook takes, and how long until each request is stored and answered.

The real agent with Falco's public rules for Kubernetes, bound to one core with all of its processes; senders on the
others post lists of events as an API server does, each over one connection that is kept. The names and
times of events vary; *--matching* in a thousand are such that a rule matches. Events count in requests that were
answered with 200; the latency is that of whole requests. A sender begins again after 40 requests, with the events of
the next hour or, with *--again*, with the same ones, whose alerts are known then. Events per CPU second count the CPU
time of all of the agent's processes, until it is at rest again, so they say something on a busy machine, too.

With *--falco* Falco takes the same afterwards, with its plugin k8saudit. It answers before it has looked at an event,
so an event counts there when it was answered, but the time goes on until it is at rest.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import http.client
import json
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from falco import settings as falco_settings
from overhead import cpu_seconds

from falcohost.testing.agent import Agent

CORPUS = Path(__file__).resolve().parent.parent.parent / "shared/corpus"
RULES = CORPUS / "rules/k8s_audit_rules.yaml"
TRACES = CORPUS / "regression/trace_files/k8s_audit"

#: An agent is at rest when it took less CPU time than this in this time, in seconds.
REST_CPU, REST = 0.02, 0.5

#: What stands for the hour and for a part of the id in events, until they are sent.
HOUR, AUDIT = "2026-11-25T15", "7d2e"

#: The hours of one line of figures, each of 40 requests of a sender: no line has so many.
HOURS = 1000


def event(number: int, matching: int) -> dict[str, object]:
    """Return an event that no rule wants, but for *matching* in a thousand."""
    if number % 1000 < matching:
        found: dict[str, object] = json.loads((TRACES / "create_nginx_pod_privileged.json").read_text().splitlines()[0])
    else:
        found = {
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "verb": "get",
            "requestURI": f"/api/v1/namespaces/default/pods/web-{number}", "userAgent": "kube-controller-manager/v1.31",
            "user": {"username": "system:kube-controller-manager", "groups": ["system:authenticated"]},
            "sourceIPs": ["10.0.0.1"],
            "objectRef": {"resource": "pods", "namespace": "default", "name": f"web-{number}"},
            "responseStatus": {"metadata": {}, "code": 200},
            "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
        }  # fmt: skip
    return found | {
        "auditID": f"{number:08x}-{AUDIT}-4f6b-9c0a-3b1d5e8f7a90",
        "stage": "ResponseComplete",
        "stageTimestamp": f"{HOUR}:{number // 60 % 60:02}:{number % 60:02}.{number % 1_000_000:06}Z",
    }


class Sender(threading.Thread):
    """Posts *bodies* in turn until *until*, from the hour with the number *first* on; None: the same ones again."""

    def __init__(self, port: int, bodies: list[bytes], until: float, first: int | None) -> None:
        super().__init__()
        self._first = first
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._bodies, self._until = bodies, until
        self.seconds: list[float] = []
        self.refused = 0

    def run(self) -> None:
        """Post."""
        number = 0
        while time.monotonic() < self._until:
            turn, place = divmod(number, len(self._bodies))
            body = self._bodies[place]
            if self._first is not None:
                body = at_hour(body, self._first + turn)
            begun = time.monotonic()
            self._connection.request("POST", "/k8s-audit", body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
            if answer.status == 200:
                self.seconds.append(time.monotonic() - begun)
            else:
                self.refused += 1
            number += 1


def at_hour(body: bytes, number: int) -> bytes:
    """Return *body* with the events of the hour with this number, which have other times and ids."""
    hour = datetime.datetime(2026, 1, 1) + datetime.timedelta(hours=number)
    body = body.replace(HOUR.encode(), f"{hour:%Y-%m-%dT%H}".encode())
    return body.replace(f"-{AUDIT}-".encode(), f"-{number:04x}-".encode())


def measure(
    agent: int, port: int, senders: int, size: int, matching: int, seconds: float, first: int | None
) -> dict[str, float]:
    """Print one line of figures of the *agent* with this pid, and return them."""
    bodies = [
        [_list([event(number, matching) for number in range(first, first + size)]) for first in _starts(sender, size)]
        for sender in range(senders)
    ]
    threads = [Sender(port, own, time.monotonic() + seconds, first) for own in bodies]
    begun, cpu = time.monotonic(), cpu_seconds(agent)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for_rest(agent)
    took, cpu = time.monotonic() - begun - REST, cpu_seconds(agent) - cpu
    all_seconds = sorted(second for thread in threads for second in thread.seconds)
    events, requests = len(all_seconds) * size / took, len(all_seconds) / took
    per_cpu = len(all_seconds) * size / cpu
    p50, p99 = statistics.median(all_seconds) * 1000, all_seconds[int(len(all_seconds) * 0.99)] * 1000
    refused = sum(thread.refused for thread in threads)
    print(
        f"{senders:3} senders, {size:3} events a request: {events:9,.0f} events/s {requests:7,.0f} requests/s  "
        f"{per_cpu:9,.0f} events per CPU second  "
        f"p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  refused {refused}"
    )
    return {
        "events_per_s": round(events),
        "per_cpu_second": round(per_cpu),
        "requests_per_s": round(requests),
        "p50_ms": p50,
        "p99_ms": p99,
    }


def wait_for_rest(agent: int) -> None:
    """Return when the *agent* with this pid does no more for what was sent."""
    before, now = 0.0, cpu_seconds(agent)
    while now - before > REST_CPU:
        time.sleep(REST)
        before, now = now, cpu_seconds(agent)


def _starts(sender: int, size: int) -> list[int]:
    return [sender * 100_000 + number * size for number in range(40)]


def _list(events: list[dict[str, object]]) -> bytes:
    shown = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": events}
    return json.dumps(shown, separators=(",", ":")).encode()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
        return found


@contextmanager
def falcohost(folder: Path, before: list[str], port: int) -> Iterator[int]:
    """Run the agent, which listens on *port*; yield its pid."""
    plugin = {"name": "k8saudit", "open_params": f"http://127.0.0.1:{port}/k8s-audit"}
    settings = {"plugins": [plugin], "load_plugins": ["k8saudit"]}
    agent = Agent(folder, [RULES], settings=settings, before=before)
    try:
        agent.wait_until_ready(60)
        yield agent.process.pid
    finally:
        agent.kill()


@contextmanager
def falco(program: str, plugins: str, folder: Path, before: list[str], port: int) -> Iterator[int]:
    """Run Falco with the *plugins* in a folder, which listens on *port*; yield its pid."""
    plugin = {"name": "k8saudit", "open_params": f"http://127.0.0.1:{port}/k8s-audit"}
    settings = falco_settings(RULES, plugins, plugin, {"stdout_output": {"enabled": True}})
    (folder / "falco.yaml").write_text(json.dumps(settings))
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        command = [*before, program, "-c", str(folder / "falco.yaml"), "--enable-source", "k8s_audit"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:
        _wait_for(process, port, folder / "stderr")
        wait_for_rest(process.pid)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}: {log.read_text()}")


def main() -> None:
    """Run the agent and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each line")
    parser.add_argument("--matching", type=int, default=1, help="events in a thousand that a rule matches")
    parser.add_argument("--again", action="store_true", help="the same events again, whose alerts are stored already")
    parser.add_argument("--falco", nargs=2, metavar=("PROGRAM", "PLUGINS"), help="Falco, and the folder of its plugins")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    bound = ["taskset", "-c", str(cores[-1])]
    agents = {"falcohost": falcohost}
    if options.falco:
        agents["falco"] = functools.partial(falco, *options.falco)
    figures: dict[str, dict[str, dict[str, float]]] = {}
    os.sched_setaffinity(0, cores[:-1] or cores)
    for name, run in agents.items():
        print(f"{name} on core {cores[-1]}, {options.matching} of 1000 events match")
        port = free_port()
        with tempfile.TemporaryDirectory() as folder, run(Path(folder), bound, port) as pid:
            figures[name] = {
                f"{senders}x{size}": measure(
                    pid, port, senders, size, options.matching, options.seconds, None if options.again else line * HOURS
                )
                for line, (senders, size) in enumerate(((1, 1), (8, 1), (1, 100), (4, 400)))
            }
            if name == "falco":
                print(f"alerts: {Path(folder, 'stdout').read_bytes().count(b'{'):,}")
    if options.falco:
        ratios = {
            line: own["per_cpu_second"] / figures["falco"][line]["per_cpu_second"]
            for line, own in figures["falcohost"].items()
        }
        print("events per CPU second, of Falco's: " + ", ".join(f"{one} {value:.2f}" for one, value in ratios.items()))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
