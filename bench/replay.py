"""Measures how many events of a capture are evaluated a second, beside Falco on the same file.

    script/bench replay FILE.scap [--rules FILE] [--falco PROGRAM [--falco-config FILE]] [--rounds 5]

Times are of the processor, of one process, without the start: reading, tables, rules and texts of alerts. Falco's are
those of a run on the file less those of a run on its first bytes; *--falco* names its program, and *--falco-config* a
configuration with the plugins that the rules need (today's public ones need ``container``). Without --rules the
shipped rules are used. Without a FILE, one is made of ordinary work: a million events, two of three of which are reads,
writes, waits and times, the others opens and closes of files and a few programs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from workload import captures

from falcohost.cli.flags import Flags
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.host.loading import configured_plugins, load_configured_rules
from falcohost_syscall.scap.event_types import TYPES
from falcohost_syscall.source import SyscallSource

#: What the made capture has of each type in a thousand events.
MIX = {
    "read": 210, "write": 110, "futex": 120, "epoll_wait": 80, "recvmsg": 40, "sendmsg": 30, "poll": 30, "mmap": 70,
    "munmap": 20, "fstat": 60, "lseek": 20, "openat": 90, "close": 95, "fcntl": 15, "connect": 4, "socket": 4,
    "execve": 2,
}  # fmt: skip
_VALUES = {
    "read": {"res": 80, "data": bytes(80), "fd": 3, "size": 4096},
    "write": {"res": 80, "data": bytes(80), "fd": 4, "size": 80},
    "openat": {"fd": 3, "dirfd": -100, "name": b"/usr/lib/x86_64-linux-gnu/libc.so.6", "flags": 0x1001, "mode": 0,
               "dev": 1, "ino": 2},
    "close": {"res": 0, "fd": 3},
    "sendmsg": {"res": 20, "data": bytes(20), "fd": 5, "size": 20, "tuple": b""},
    "recvmsg": {"res": 20, "size": 20, "data": bytes(20), "tuple": b"", "msgcontrol": b"", "fd": 5},
    "socket": {"fd": 5, "domain": 2, "type": 1, "proto": 6, "flags": 0},
    "connect": {"res": 0, "tuple": b"\2\x7f\0\0\1\1\1\x7f\0\0\1\2\2", "fd": 5, "addr": b""},
    "execve": {"res": 0, "exe": b"ls", "args": b"-l\0", "tid": 10, "pid": 10, "ptid": 1, "comm": b"ls",
               "trusted_exepath": b"/usr/bin/ls", "filename": b"/usr/bin/ls"},
}  # fmt: skip

LISTED = captures.block(
    captures.PROCESSES, captures.thread(10, 10, 1, b"bash", exe=b"bash", exepath=b"/usr/bin/bash", cwd=b"/")
)


def make(path: Path, events: int) -> None:
    """Write a capture of ordinary work."""
    order = [name for number in range(max(MIX.values())) for name, share in MIX.items() if number < share]
    blocks = {name: captures.event(name, 10, **_every(name) | _VALUES.get(name, {"res": 0})) for name in MIX}
    with path.open("wb") as file:
        file.write(captures.section() + LISTED)
        for _ in range(events // len(order)):
            file.write(b"".join(blocks[name] for name in order))


def _every(name: str) -> dict[str, int | bytes]:
    """Return all parameters of a type, numbers as zero and others empty, since Falco refuses events that lack some."""
    params = TYPES[captures.CODES[name]].params
    return {param: 0 if kind[1:].isdigit() else b"" for param, kind in params}


def replay(path: Path, rules: tuple[Rule, ...]) -> tuple[int, int, float]:
    """Return events, alerts and seconds of the processor."""
    source = SyscallSource({"engine": {"kind": "replay", "replay": {"capture_file": str(path)}}})
    matcher, maker, alerts = Matcher(rules), AlertMaker("bench"), 0
    source.open(make_plan("syscall", rules), None)
    begin = time.process_time()
    for batch in source.batches():
        for event in batch.events:
            for rule in matcher.match(event):
                maker.make(rule, event)
                alerts += 1
    took = time.process_time() - begin
    received = source.stats().received
    source.close()
    return received, alerts, took


def falco(program: str, path: Path, rules: list[str], base: dict[str, Any]) -> float:
    """Return Falco's seconds of the processor on a capture; its settings are those in *base* and these."""
    settings = base | {
        "engine": {"kind": "replay", "replay": {"capture_file": str(path)}},
        "webserver": {"enabled": False},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        json.dump(settings | {"rules_files": rules, "stdout_output": {"enabled": True}}, config)
        config.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([program, "-c", config.name], capture_output=True, text=True, errors="replace")
        if done.returncode:
            sys.exit(f"{program} ended with {done.returncode}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--rules", action="append", default=[])
    parser.add_argument("--falco")
    parser.add_argument("--falco-config", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    config = Flags().configuration()
    rules = load_configured_rules(config, configured_plugins(config), given.rules or None).ruleset.enabled("syscall")
    with tempfile.TemporaryDirectory() as folder:
        path = given.file
        if path is None:
            path = Path(folder) / "made.scap"
            make(path, 1_000_000)
        empty = Path(folder) / "empty.scap"
        empty.write_bytes(captures.section() + LISTED + captures.event("chdir", 10, res=0, path=b"/"))
        rounds = [replay(path, rules) for _ in range(given.rounds)]
        events, alerts, best = rounds[0][0], rounds[0][1], min(took for _, _, took in rounds)
        figures = {"events": events, "alerts": alerts, "rules": len(rules), "seconds": best, "a_second": events / best}
        if given.falco:
            base = yaml.safe_load(given.falco_config.read_text()) if given.falco_config else {}
            whole = min(falco(given.falco, path, given.rules, base) for _ in range(given.rounds))
            start = min(falco(given.falco, empty, given.rules, base) for _ in range(given.rounds))
            figures |= {"falco_seconds": whole - start, "falco_a_second": events / max(whole - start, 1e-9)}
    for name, figure in figures.items():
        print(f"{name:16} {figure:>14,.2f}" if isinstance(figure, float) else f"{name:16} {figure:>14,}")
    json.dump(figures, sys.stdout)
    print()


if __name__ == "__main__":
    main()
