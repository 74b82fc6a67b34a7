"""An agent with everything switched on, under load for a while: its processes stay as large as they were."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

import pytest

from falcohost.testing.cli import Done, run_cli
from falcohost.testing.descendants import below
from falcohost.testing.ports import Port
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import wait_until

T = TypeVar("T")

#: Seconds in the long and in the short form: of load, before the first sample that counts, between two samples, and
#: between two reloads.
LONG = 1800.0, 360.0, 5.0, 30.0
SHORT = 6.0, 2.0, 0.25, 1.5

#: Least samples, however long a round takes on a busy machine.
LEAST = 18

#: Seconds between two rounds of what the test does.
ROUND = 0.1

#: Seconds in which a process that was forked runs its program, also on a busy machine.
MOMENT = 3.0

#: Alerts that come at once in the beginning, as after a moment in which the machine was busy with other things: as many
#: as are kept for outputs. Python keeps the memory that these have needed.
AT_ONCE = 1500

#: Bytes by which the median of a process's memory may grow between the first and the last third of the samples. In the
#: long form that is less than 5 MB an hour; what is remembered of the last events and alerts still grows in the short.
GROWTH = 1.5 * 2**20, 8.0 * 2**20

#: The same for all processes together: also by pages that they have shared since they were forked, and share no longer.
TOGETHER = 6.0 * 2**20, 40.0 * 2**20

#: Connections and threads that an output with ``concurrency: 3`` makes when it first needs them, behind the first one.
CONNECTIONS = 2

#: Most bytes of memory that outlives a process: a journal is begun anew when it has grown by 2 MB, or by six times the
#: table of processes, so that its size goes up and down.
LASTING = 8 << 20

RULES = """
- rule: Marked
  desc: A marked file is opened.
  condition: evt.type in (open, openat) and fd.name startswith {folder}/mark-
  output: marked (file=%fd.name command=%proc.cmdline token=%proc.env)
  priority: NOTICE
- rule: Followed
  desc: A line of the log.
  condition: json.value[/n] exists
  output: followed (n=%json.value[/n] password=%json.value[/password])
  priority: NOTICE
  source: followed
- rule: Sent
  desc: A record that was sent.
  condition: json.value[/n] exists
  output: sent (n=%json.value[/n])
  priority: NOTICE
  source: sent
- rule: Printed
  desc: A record that a program has printed.
  condition: json.value[/n] exists
  output: printed (n=%json.value[/n])
  priority: NOTICE
  source: printed
"""

#: Stands behind the rules at every second reload, so that other calls are collected, and filtered.
MORE = """
- rule: More
  desc: Wants other calls, and other files.
  condition: evt.type in (connect, unlinkat, mkdir, setuid) and fd.name endswith /{number}
  output: more (type=%evt.type)
  priority: DEBUG
"""


class Size(NamedTuple):
    """Bytes of memory, of its share of these, and of memory that outlives it; open files, and threads.

    Programs and libraries do not count: their share depends on who else on the machine has them open. So does the share
    of memory, which grows when others copy their pages or end: it says something of all processes together only.
    """

    memory: int
    share: int
    lasting: int
    files: int
    threads: int


def lasting_below(pid: int) -> dict[int, str]:
    """Return the processes below *pid* without those that are about to run a program, and end with it."""
    first = below(pid)
    time.sleep(MOMENT)
    later = below(pid)
    return {one: name for one, name in first.items() if later.get(one) == name}


def size_of(pid: int) -> Size:
    """Return the size of a process."""
    folder = Path(f"/proc/{pid}")
    rollup = dict(line.split()[:2] for line in (folder / "smaps_rollup").read_text().splitlines()[1:])
    sizes = [int(rollup[name]) * 1024 for name in ("Anonymous:", "Pss_Anon:", "Pss_Shmem:")]
    return Size(*sizes, *(len([*(folder / part).iterdir()]) for part in ("fd", "task")))


def first_of(values: Sequence[T]) -> Sequence[T]:
    """Return the first third of *values*."""
    return values[: len(values) // 3]


def last_of(values: Sequence[T]) -> Sequence[T]:
    """Return the last third of *values*."""
    return values[-(len(values) // 3) :]


def typical(sizes: Sequence[Size]) -> Size:
    """Return the medians: a connection that was just accepted when one sample was taken is no growth."""
    return Size(*(int(median(values)) for values in zip(*sizes, strict=True)))


def settings(folder: Path, ports: dict[str, int]) -> dict[str, object]:
    """Return a configuration in which everything is switched on, with files in *folder*."""
    program = f"i=0; while :; do i=$((i + 1)); printf '{{\"n\": %d}}\\n' $i; sleep {ROUND}; done"
    sources = [
        {"name": "followed", "open_params": f"file://{folder}/followed.jsonl"},
        {"name": "sent", "open_params": f"http://127.0.0.1:{ports['sent']}/in", "allow_unauthenticated": True},
        {"name": "printed", "program": program, "restart": "always"},
    ]
    url = f"http://127.0.0.1:{ports['receiver']}/"
    return {
        "load_plugins": ["json"],
        "plugins": [{"name": "json", "init_config": {"sources": sources}}],
        "outputs": {
            "posted": {"type": "http", "url": url, "keep_alive": True, "concurrency": 3, "sources": ["followed"]},
            "batches": {"type": "http", "url": url, "format": "otlp", "batch": 100, "compress_uploads": True},
            "rotated": {"type": "file", "filename": f"{folder}/out/rotated", "max_size_mb": 0.5, "compress": True},
            "server": {"type": "syslog", "address": f"udp://127.0.0.1:{ports['syslog']}", "format": "ecs"},
            "piped": {"type": "program", "keep_alive": True, "program": "cat > /dev/null", "format": "ocsf"},
            "alone": {"type": "program", "program": "cat > /dev/null", "sources": ["sent"]},
        },
        "webserver": {"enabled": True, "listen_port": ports["web"], "prometheus_metrics_enabled": True},
        "metrics": {"enabled": True, "interval": "1s", "output_rule": True, "output_file": f"{folder}/out/snapshots"},
        "falcohost": {
            "heartbeat": 5,
            "internal": {"agent_started": True},
            "json_include_id": True,
            "json_include_subjects": True,
            "redact": {"all": True, "patterns": ["n=([0-9]+7)"]},
            "limits": [{"rule": "Sent", "by": ["json.value[/n]"], "max": 5, "per": "1m"}],
        },
    }


class Load:
    """What happens beside the agent: events for each of its sources, and questions to it."""

    def __init__(self, folder: Path, rules: Path, ports: dict[str, int], agent, seconds: float) -> None:
        self._folder, self._rules, self._ports, self._agent = folder, rules, ports, agent
        self._text = rules.read_text()
        self._number = self._reloads = 0
        self._reload_after = self._reload_at = seconds

    def much_at_once(self) -> None:
        """Have so many alerts at once that whatever remembers some is full."""
        with (self._folder / "followed.jsonl").open("a") as log:
            log.writelines(json.dumps({"n": number, "password": "hunter2"}) + "\n" for number in range(AT_ONCE))

    def round(self, now: float) -> None:
        """Do all of it once."""
        self._number += 1
        for part in range(10):
            with contextlib.suppress(FileNotFoundError):
                os.open(f"{self._folder}/mark-{self._number}-{part}", os.O_RDONLY)
        with (self._folder / "followed.jsonl").open("a") as log:
            log.writelines(json.dumps({"n": self._number, "password": "hunter2" * part}) + "\n" for part in range(5))
        self._ask("sent", "POST", "/in", json.dumps({"n": self._number % 100}).encode())
        self._ask("web", "GET", ("/metrics", "/healthz", "/readyz", "/versions")[self._number % 4], None)
        if now >= self._reload_at:
            self._reload_at = now + self._reload_after
            self._reload()

    def _ask(self, port: str, method: str, path: str, body: bytes | None) -> None:
        link = http.client.HTTPConnection("127.0.0.1", self._ports[port], timeout=60)
        with contextlib.closing(link):
            link.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            link.getresponse().read()

    def _reload(self) -> None:
        """Have the agent take other rules, open its files again, and answer commands."""
        self._reloads += 1
        self._rules.write_text(self._text + (MORE.format(number=self._number) if self._reloads % 2 else ""))
        self._agent.process.send_signal((signal.SIGHUP, signal.SIGUSR1)[self._reloads % 4 == 3])
        state = ("--state-dir", str(self._agent.folder / "state"))
        using = ("-c", str(self._agent.folder / "falco.yaml"), "-r", str(self._rules))
        silence = (*using, "silence", "add", "--rule", "Sent", "--for", "5s", "--by", "test")
        for command in (("stats", "--json"), silence):
            wait_until(lambda command=command: self._run(*command, *state).returncode == 0, lambda: self._agent.log)

    def _run(self, *command: str) -> Done:
        return run_cli(*command, folder=self._folder, environment=dict(os.environ))


@pytest.fixture
def receiver():
    """Return a receiver that does not keep what it gets."""
    running = Receiver()

    def answer(body):
        running.requests.clear()
        return 200, {}, b"{}"

    running.answer = answer
    yield running
    running.close()


def sampled(load: Load, pid: int, lengths: tuple[float, float, float, float]) -> list[dict[int, Size]]:
    """Return the sizes of the processes below *pid*, and of itself, while there is *load*; without the first ones."""
    seconds, warm, pause, _ = lengths
    begun = time.monotonic()
    found: list[dict[int, Size]] = []
    sample_at = warm
    while (now := time.monotonic() - begun) < seconds or len(found) < LEAST:
        load.round(now)
        if now >= sample_at:
            sample_at = now + pause
            found.append({})
            for one in [pid, *below(pid)]:
                with contextlib.suppress(OSError):
                    found[-1][one] = size_of(one)
        time.sleep(max(0.0, ROUND - (time.monotonic() - begun - now)))
    return found


def test_stays_as_it_is(start_agent, receiver, open_folder, soak):
    """Memory, open files and threads of all processes stay as they are, and no process is replaced."""
    lengths = soak(LONG, SHORT)
    folder = open_folder / "everything"
    (folder / "out").mkdir(parents=True)
    (folder / "out").chmod(0o777)
    (folder / "followed.jsonl").touch()
    rules = folder / "rules.yaml"
    rules.write_text(RULES.format(folder=folder))
    held = {name: Port() for name in ("sent", "web")}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        ports = {name: port.number for name, port in held.items()}
        ports |= {"receiver": receiver.port, "syslog": syslog.getsockname()[1]}
        agent = start_agent(rules, settings=settings(folder, ports))
        pid = agent.process.pid
        load = Load(folder, rules, ports, agent, lengths[-1])
        load.much_at_once()
        load.round(0.0)
        begun = lasting_below(pid)
        samples = sampled(load, pid, lengths)
    for port in held.values():
        port.close()
    wait_until(lambda: "sent (n=" in agent.output, lambda: agent.log)
    whole = samples[0].keys() & samples[-1].keys()
    lasting = {one: name for one, name in below(pid).items() if one in whole and name.startswith("falcohost")}
    growth, more, lasts = {}, {}, {}
    for one, name in {pid: "supervisor", **lasting}.items():
        sizes = [sample[one] for sample in samples if one in sample]
        first, last = typical(first_of(sizes)), typical(last_of(sizes))
        growth[f"{name} ({one})"] = last.memory - first.memory
        lasts[f"{name} ({one})"] = max(size.lasting for size in sizes)
        more[f"{name} ({one})"] = last.files - first.files, last.threads - first.threads
        print(f"{name:16} {one}: first {first}, last {last}")
    shares = [sum(size.share for size in sample.values()) for sample in samples]
    together = median(last_of(shares)) - median(first_of(shares))
    print(f"together: {median(first_of(shares)):,.0f} bytes, then {together:+,.0f}")

    assert [] == [name for one, name in begun.items() if name.startswith("falcohost") and one not in lasting], agent.log
    assert {} == {name: size for name, size in growth.items() if size > soak(*GROWTH)}
    assert soak(*TOGETHER) > together
    assert {} == {name: size for name, size in lasts.items() if size > LASTING}
    assert {} == {name: counts for name, counts in more.items() if max(counts) > CONNECTIONS}
    assert agent.stop() == 0
