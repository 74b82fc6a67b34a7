"""Measures what fields of containers cost: with a rule that reads one, and with one that does not.

A server at a socket answers as docker does, and programs are started in a cgroup that is named like docker's. *ready*
is how long a start takes, *start* the processor time of it; *exec* is the agent's processor time for each program that
is started in the container: by a rule that names no field of containers, where the kernel decides one that does, where
the worker does without asking anybody, and where it reads what a runtime knows. *unit* and *named* are the same where
each program has a cgroup of its own below the container's, one by a name that no container has (``1.service``) and one
by any name, whose first event is decided by ancestors. *memory* is that of all processes of
the agent (PSS) after that. Memory per container is that of its cgroup and its row, with ten labels and five mounts, in
the worker, and of the row in the process that asks. Memory per process is that of one entry of the worker's table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import signal
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import msgspec
from overhead import Agent, pss_mb, tree

from falcohost.port import LocalPort
from falcohost.testing.waiting import wait_until
from falcohost_containers.known import Known
from falcohost_containers.lookup import Containers as Lookup
from falcohost_containers.rows import Answer, Mount, Row
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.table import Image, Process

HERE = Path(__file__).resolve().parent.parent
RULES = {
    "none": "proc.cmdline = falcohost-none",
    "kernel": "container.id != host and proc.cmdline = falcohost-none",
    "worker": "container.id != host and toupper(proc.cmdline) = FALCOHOST-NONE",
    "runtime": "container.id != host and container.image.repository = falcohost-none",
}
RULE = """
- rule: Started
  desc: Programs in containers.
  condition: evt.type = execve and {condition}
  output: started %proc.name
  priority: NOTICE
"""
SPAWN = """
import os, sys
group, count, end = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def enter(group):
    with open(group + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
enter(group)
for number in range(count):
    if end:
        os.mkdir(own := f"{group}/s{number}{end}")
        enter(own)
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    if end:
        enter(group)
        os.rmdir(own)
"""
#: What the names of cgroups below the container's end with; empty: there are none.
ENDS = {"exec": "", "unit": ".service", "named": "-x"}


class Docker(socketserver.ThreadingUnixStreamServer):
    """Says of every container the same."""

    daemon_threads = True


class Answering(socketserver.StreamRequestHandler):
    """Answers one request."""

    def handle(self) -> None:
        """Answer by the path."""
        asked = unquote(self.rfile.readline().decode().split()[1])  # as %22 would begin the id
        parts = asked.split("/")
        image, labels = f"sha256:{'e' * 64}", {f"label-{number}": "value" for number in range(10)}
        said: object = []
        if parts[1] == "images":
            said = {"RepoTags": ["shop/web:1"]}
        elif len(parts) > 3:
            config = {"Image": "shop/web:1", "Labels": labels}
            said = {"Id": parts[2], "Name": "/web", "Image": image, "Config": config, "HostConfig": {}}
        elif found := re.search("[0-9a-f]{64}", asked):  # it is asked for its list first
            about = {"Id": found[0], "Names": ["/web"], "Image": "shop/web:1", "ImageID": image, "Labels": labels}
            said = [{**about, "State": "running"}]
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(said).encode())


@contextmanager
def docker(folder: Path) -> Iterator[Path]:
    """Serve at a socket, and return its path."""
    path = folder / "docker.sock"
    with Docker(str(path), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


@contextmanager
def container() -> Iterator[Path]:
    """Return the cgroup of a container."""
    tops = (Path("/sys/fs/cgroup") / name for name in ("", "memory", "pids"))
    group = next(top for top in tops if (top / "cgroup.procs").exists()) / "docker" / secrets.token_hex(32)
    group.mkdir(parents=True)
    try:
        yield group
    finally:
        for one in (*group.glob("*/"), group):
            wait_until(lambda one=one: not (one / "cgroup.procs").read_text())
            one.rmdir()


def measured(condition: str, folder: Path, path: Path, group: Path, count: int) -> dict[str, float]:
    """Return the figures of one run."""
    engines = {name: {"enabled": False} for name in ("podman", "cri", "containerd", "runc")}
    plugin = {"name": "container", "init_config": {"engines": {**engines, "docker": {"sockets": [str(path)]}}}}
    settings = {"plugins": [plugin], "load_plugins": ["container"], "stdout_output": {"enabled": True}}
    (folder / "falco.yaml").write_text(json.dumps({**settings, "falcohost": {"state_dir": str(folder / "state")}}))
    (folder / "rules.yaml").write_text(RULE.format(condition=condition))
    program = str(HERE / ".venv/bin/falcohost")
    with Agent([program, "-c", str(folder / "falco.yaml"), "-r", str(folder / "rules.yaml")], "Ready") as agent:
        start = cpu_seconds(agent.process.pid)
        spawn(group, 10)  # the container is known from now on
        used = {}
        for name, end in ENDS.items():
            before = cpu_seconds(agent.process.pid)
            spawn(group, count, end)
            used[name] = (cpu_seconds(agent.process.pid) - before) / count * 1e6
        memory = pss_mb(agent.process.pid)
        return {"ready": agent.seconds_to_ready, "start": start, **used, "memory": memory}


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants; finer than the ticks of /proc/PID/stat."""
    threads = (path for one in tree(pid) for path in Path(f"/proc/{one}/task").glob("*/schedstat"))
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def spawn(group: Path, count: int, end: str = "") -> None:
    """Start programs in the container, each in a cgroup of its own if *end* is what their names end with."""
    command = [sys.executable, "-c", SPAWN, str(group), str(count), end]
    subprocess.run(command, check=True)
    time.sleep(1.0)  # until the worker has read what is left


def container_bytes() -> tuple[float, float]:
    """Return the memory of a container in the worker, with its cgroup and row, and in the process that asks."""
    mounts = tuple(Mount(f"/var/lib/data/{number}", f"/data/{number}", "z", True, "rprivate") for number in range(5))
    labels = {f"org.example.label-{number}": f"value {number}" for number in range(10)}
    row = Row(name="web", image="shop/web:1", repository="shop/web", labels=labels, mounts=mounts)
    data, decode = msgspec.msgpack.encode(Answer("", "", row)), msgspec.msgpack.Decoder(Answer).decode
    lookup = Lookup(LocalPort(lambda asked: msgspec.structs.replace(decode(data), id=asked.id, type=asked.type)))
    cgroups, known = Containers(lambda claim: False), Known()

    def learn(number: int) -> None:
        cgroups.learn(number, [f"=/docker/{secrets.token_hex(32)}"])
        lookup.find((cgroups.get(number).full_id, "docker", ""))
        lookup.poll()

    return bytes_of_each(learn), bytes_of_each(lambda number: known.keep(secrets.token_hex(32), row))


def bytes_of_each(add: Callable[[int], object]) -> float:
    """Return how much memory is taken by each of the things that *add* adds."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(1000):
        add(number)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return taken / 1000


def process_bytes() -> float:
    """Return the memory of a process as the worker's table has it, with a path and arguments of usual length."""

    def process(pid: int) -> Process:
        arguments = f"/usr/lib/program-{pid}\0--config\0/etc/program/{pid}.conf\0".encode()
        made = Image(arguments, b"", f"/usr/lib/program-{pid}".encode())
        return Process(pid, pid - 1, pid, pid * 1000, f"program-{pid}", 7, made)

    table: dict[int, Process] = {}
    return bytes_of_each(lambda number: table.setdefault(number, process(100_000 + number)))


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=2000, help="programs to start in each round")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in RULES}
    with tempfile.TemporaryDirectory() as name, docker(Path(name)) as path, container() as group:
        for _ in range(given.rounds):
            for kind, condition in RULES.items():
                runs[kind].append(measured(condition, Path(name), path, group, given.count))
    rows = {
        kind: {key: statistics.median(run[key] for run in found) for key in found[0]} for kind, found in runs.items()
    }
    titles = "".join(f"{f'{name} (us)':>12}" for name in ENDS)
    print(f"{'':10}{'ready (s)':>12}{'start (CPU-s)':>16}{titles}{'memory (MB)':>14}")
    for kind, row in rows.items():
        used = "".join(f"{row[name]:12.1f}" for name in ENDS)
        print(f"{kind:10}{row['ready']:12.2f}{row['start']:16.2f}{used}{row['memory']:14.1f}")
    (worker, asks), process = container_bytes(), process_bytes()
    print(f"a container takes {worker:,.0f} bytes in the worker and {asks:,.0f} in the process that asks")
    print(f"a process takes {process:,.0f} bytes in the worker")
    memory = {"container_bytes": worker, "container_bytes_asking": asks, "process_bytes": process}
    found = {"rows": rows, **memory, "load": os.getloadavg()[0]}
    print(json.dumps({"bench": "context", **found}))


if __name__ == "__main__":
    main()
