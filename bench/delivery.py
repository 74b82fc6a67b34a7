"""Measures a flood of alerts on its way into the store and three outputs: a file, HTTP, and a program.

A process opens files that are not there, so many a second, and each of them is an alert. Printed are how many of them
arrived at each output, how many are missing, how many opens of anybody are counted as lost (so, no missing one may be
uncounted), CPU time and memory, and how long after the flood the last alert arrived. With
``--dead`` nobody listens for HTTP until the flood is over; then the order is looked at, too. With ``--falco PATH``
Falco runs after falcohost, on the same rule, the same flood and with the same receiver, with its ``http_output`` alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from overhead import TICKS, pss_mb, tree

from falcohost.testing.agent import Agent
from falcohost.testing.ports import Port

RULE = """
- rule: Flooded
  desc: A file is opened that is not there.
  condition: evt.type in (open, openat, openat2) and fd.name startswith {folder}/mark-
  output: opened (file=%fd.name command=%proc.cmdline pid=%proc.pid parent=%proc.pname user=%user.name)
  priority: NOTICE
"""

#: Parts of a second in which the flood makes its opens, and how many of these are timed together.
SLICES, TIMED = 100, 20

#: Causes of losses that are no lost opens of the flood: the event was told without something, or it is counted with its
#: type, or as a record of somebody's process.
ELSEWHERE = {"unreadable", "cut", "real_name", "more", "ring_full", "flood", "proc_ring_full"}

FALCO = """
engine: {{kind: modern_ebpf}}
json_output: true
json_include_output_property: true
stdout_output: {{enabled: false}}
syslog_output: {{enabled: false}}
http_output: {{enabled: true, url: "http://127.0.0.1:{port}/", keep_alive: true}}
webserver: {{enabled: false}}
outputs_queue: {{capacity: 0}}
rules_files: [{rules}]
syscall_event_drops: {{threshold: 1, actions: [ignore]}}
metrics: {{enabled: true, interval: 5s, output_rule: false, output_file: {folder}/falco-metrics}}
"""


class Flood(NamedTuple):
    """What a flood was.

    :ivar made: how many files were opened.
    :ivar ran: the seconds of CPU that its process took; *waited*: those for which it was to run, and others did.
    :ivar typical: the seconds of CPU of an open where nobody else has had the processor for a moment: a quarter of the
        opens took less.
    """

    made: int
    ran: float
    waited: float
    typical: float


def flood(folder: str, rate: int, seconds: float) -> Flood:
    """Open *rate* files a second."""
    before = schedstat()
    begun, made = time.monotonic(), 0
    times = []
    while (now := time.monotonic() - begun) < seconds:
        due = min(int(rate * now) + rate // SLICES, int(rate * seconds))
        while made < due:
            end, since = min(made + TIMED, due), time.thread_time()
            for number in range(made, end):
                with contextlib.suppress(FileNotFoundError):
                    os.open(f"{folder}/mark-{number:07}", os.O_RDONLY)
            times.append((time.thread_time() - since) / (end - made))
            made = end
        time.sleep(max(0.0, 1 / SLICES - (time.monotonic() - begun - now)))
    ran, waited = (after - former for after, former in zip(schedstat(), before, strict=True))
    return Flood(made, ran, waited, statistics.quantiles(times, n=4)[0])


def schedstat() -> tuple[float, float]:
    """Return for how many seconds this process has run, and has waited for a CPU."""
    ran, waited, _ = Path("/proc/self/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


def receive(port: int, to: str) -> None:
    """Answer each request with 200, and append the numbers of its marks to the file *to*; for a process of its own."""

    async def serve() -> None:
        with Path(to).open("a") as log:
            server = await asyncio.start_server(lambda *ends: answered(log, *ends), "127.0.0.1", port)
            async with server:
                await server.serve_forever()

    async def answered(log: IO[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                log.writelines(number + "\n" for number in marks(body))
                log.flush()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    asyncio.run(serve())


def marks(data: bytes) -> Iterator[str]:
    """Yield the numbers of the marks in *data*, each once for its alert."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    for part in data.split(b'"fd.name":"')[1:]:
        yield part.partition(b'"')[0].rpartition(b"-")[2].decode()


def counted(path: Path, pick: Callable[[bytes], Iterator[str]]) -> list[str]:
    """Return the numbers of the marks that have arrived in a file."""
    return [*pick(path.read_bytes())] if path.exists() else []


def settings(folder: Path, port: int) -> dict[str, Any]:
    """Return the agent's configuration."""
    return {
        "outputs": {
            "filed": {"type": "file", "filename": f"{folder}/filed", "keep_alive": True},
            "posted": {"type": "http", "url": f"http://127.0.0.1:{port}/", "keep_alive": True, "batch": 500},
            "piped": {"type": "program", "keep_alive": True, "program": f"cat >> {folder}/piped"},
        },
        "stdout_output": {"enabled": False},
        "syscall_event_drops": {"threshold": 1, "actions": ["ignore"]},
        "falcohost": {"fold": {"enabled": False}, "alerts": {"max_per_second": 100_000}},
    }


def cpu_by_process(pid: int) -> Counter[str]:
    """Return the seconds of CPU of *pid* and of all below it, by their names; those of *pid* as ``main``."""
    found: Counter[str] = Counter()
    for one in tree(pid):
        name, _, rest = Path(f"/proc/{one}/stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        found["main" if one == pid else name] += (int(fields[11]) + int(fields[12])) / TICKS
    return found


def watched(pid: int, until: Callable[[], bool]) -> float:
    """Return the most memory of the processes below *pid* (PSS, MB) until something is so."""
    most = 0.0
    while not until():
        with contextlib.suppress(OSError):  # one has just ended
            most = max(most, pss_mb(pid))
        time.sleep(0.5)
    return most


def per_100_000(cpu: Counter[str], alerts: int) -> dict[str, float]:
    """Return the seconds of CPU for 100,000 alerts, of each process and of all."""
    of_each = [*cpu.items(), ("all", cpu.total())]
    return {name: round(seconds * 100_000 / max(alerts, 1), 2) for name, seconds in of_each}


def flooded(
    pid: int, folder: Path, rate: int, seconds: float, files: Sequence[Path], then: Callable[[], None]
) -> tuple[dict[str, Any], Counter[str]]:
    """Flood the agent *pid*, and *then* wait until the *files* do not grow any more.

    :return: the figures, and the CPU time of each process.
    """
    before = cpu_by_process(pid)
    with multiprocessing.Pool(1) as pool:
        begun = time.monotonic()
        flooding = pool.apply_async(flood, (str(folder), rate, seconds))
        most = watched(pid, flooding.ready)
        (made, ran, waited, typical), took = flooding.get(), time.monotonic() - begun
    during = cpu_by_process(pid) - before
    then()
    last, quiet = -1, time.monotonic()
    while True:  # an output that was dead is tried again every 30 s
        sizes = [path.stat().st_size if path.exists() else 0 for path in files]
        if sum(sizes) != last:
            last, quiet = sum(sizes), time.monotonic()
        if time.monotonic() - quiet > (10 if all(sizes) else 60):
            break
        time.sleep(0.2)
    whole = cpu_by_process(pid) - before
    figures: dict[str, Any] = {
        "opened": made,
        "per_second": round(made / took),
        "opens_ran_us": round(ran * 1e6 / made, 1),
        "opens_typical_us": round(typical * 1e6, 1),
        "opens_waited_us": round(waited * 1e6 / made, 1),
        "cpu_of_the_flood": round(during.total(), 1),
        "cpu_in_all": round(whole.total(), 1),
        "pss_mb": round(most, 1),
        "last_after_s": round(quiet - begun - took, 1),
    }
    return figures, whole


def lost_opens(source: dict[str, Any]) -> int:
    """Return how many opens were lost; also others', of which a filter could not decide whether a rule wants them."""
    opens = [count["lost"] for name, count in source["types"].items() if name.startswith("open")]
    return sum([*opens, *(count for cause, count in source["lost"].items() if cause not in ELSEWHERE)], 0)


def run_falcohost(folder: Path, rate: int, seconds: float, *, dead: bool) -> dict[str, Any]:
    """Flood an agent; return the figures."""
    rules = folder / "rules.yaml"
    rules.write_text(RULE.format(folder=folder))
    held = Port()
    to = folder / "received"
    receiver = multiprocessing.Process(target=receive, args=(held.number, str(to)), daemon=True)
    agent = Agent(folder, [rules], settings=settings(folder, held.number))
    try:
        agent.wait_until_ready()
        if not dead:
            receiver.start()
        files = (to, folder / "filed", folder / "piped")
        pid = agent.process.pid
        figures, cpu = flooded(pid, folder, rate, seconds, files, receiver.start if dead else lambda: None)
        done = subprocess.run(
            [sys.executable, "-m", "falcohost", "stats", "--json", "--state-dir", str(folder / "state")],
            capture_output=True,
            text=True,
        )
        stats = json.loads(done.stdout)
        arrived = {"file": counted(folder / "filed", marks), "program": counted(folder / "piped", marks)}
        arrived["http"] = to.read_text().split()
        source, stored = stats["sources"][0], stats["store"]
        lost, missing = lost_opens(source) + stored["lost"], figures["opened"] - len(set(arrived["file"]))
        return figures | {
            **{name: len(set(found)) for name, found in arrived.items()},
            "doubles": {name: len(found) - len(set(found)) for name, found in arrived.items()},
            "in_order": {name: found == sorted(found) for name, found in arrived.items()},
            "cpu_per_100_000": per_100_000(cpu, stats["store"]["last"]),
            "missing": missing,
            "lost": lost,
            "missing_uncounted": max(0, missing - lost),
            "lost_by_cause": source["lost"],
        }
    finally:
        agent.stop()
        print(agent.log[-3000:], file=sys.stderr)
        receiver.kill() if receiver.pid else None
        held.close()


def falcos_losses(metrics: Path) -> dict[str, int]:
    """Return what Falco says it has lost: in the kernel, and before its outputs."""
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    counts = json.loads(lines[-1])["output_fields"] if lines else {}
    return {name: counts[name] for name in ("scap.n_drops", "falco.outputs_queue_num_drops") if name in counts}


def run_falco(program: str, folder: Path, rate: int, seconds: float, *, dead: bool) -> dict[str, Any]:
    """Flood Falco; return the figures."""
    rules, config, to = folder / "falco_rules.yaml", folder / "falco.yaml", folder / "falco-received"
    rules.write_text(RULE.format(folder=folder))
    held = Port()
    config.write_text(FALCO.format(port=held.number, rules=rules, folder=folder))
    receiver = multiprocessing.Process(target=receive, args=(held.number, str(to)), daemon=True)
    if not dead:
        receiver.start()
    with (folder / "falco.log").open("wb") as log:
        falco = subprocess.Popen([program, "-c", config], stdout=log, stderr=log)
    try:
        time.sleep(10)
        figures, cpu = flooded(falco.pid, folder, rate, seconds, (to,), receiver.start if dead else lambda: None)
        found = to.read_text().split() if to.exists() else []
        return figures | {
            "http": len(set(found)),
            "doubles": len(found) - len(set(found)),
            "in_order": found == sorted(found),
            "cpu_per_100_000": per_100_000(cpu, len(set(found))),
            "lost": falcos_losses(folder / "falco-metrics"),
        }
    finally:
        falco.send_signal(signal.SIGTERM)
        falco.wait(30)
        print((folder / "falco.log").read_text(errors="replace")[-1500:], file=sys.stderr)
        receiver.kill() if receiver.pid else None
        held.close()


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=10_000, help="files opened in a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the flood")
    parser.add_argument("--dead", action="store_true", help="nobody listens for HTTP until the flood is over")
    parser.add_argument("--falco", help="the program of Falco, to be measured too")
    given = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="falcohost-delivery-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file in ("piped", "filed"):
            (folder / file).touch()
            (folder / file).chmod(0o666)
        figures["falcohost"] = run_falcohost(folder, given.rate, given.seconds, dead=given.dead)
        if given.falco:
            figures["falco"] = run_falco(given.falco, folder, given.rate, given.seconds, dead=given.dead)
    for who, found in figures.items():
        print(who)
        for figure, value in found.items():
            print(f"  {figure:18} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
