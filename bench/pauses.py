"""Measures how much longer a container's start takes if it is paused until files have been read: pairs of starts.

One agent pauses the executions of a copy of runc, and not those of another copy. podman, and runc alone, start a
container with each of the two in turn, in random order, so that both see the same machine. *start* is the time until a
container whose command ends at once is over; *more* is the median of the differences within pairs, with its quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from overhead import Agent

from falcohost.testing.images import BUSYBOX, IMAGE, write_image

HERE = Path(__file__).resolve().parent.parent
RULE = """
- rule: Named
  desc: Reads a field that runtimes know.
  condition: evt.type = execve and container.name = falcohost-none
  output: started %proc.name
  priority: NOTICE
"""
#: Starts a container with the runtime at this path.
Start: TypeAlias = Callable[[Path], Sequence[str]]


def podman(folder: Path) -> Start:
    """Return podman with a store of its own, and the image in it."""
    places = ("--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs")
    how = ("--cgroup-manager", "cgroupfs", "--events-backend", "file")
    write_image(folder / "image.tar")
    run("podman", *places, *how, "load", "-q", "-i", str(folder / "image.tar"))
    end = ("run", "--rm", "--network", "none", IMAGE, "/bin/sh", "-c", ":")
    return lambda runtime: ("podman", "--runtime", str(runtime), *places, *how, *end)


def runc(folder: Path) -> Start:
    """Return runc with a bundle."""
    bundle = folder / "bundle"
    (bundle / "rootfs/bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, bundle / "rootfs/bin/sh")
    subprocess.run(["runc", "spec"], cwd=bundle, check=True)
    spec = json.loads((bundle / "config.json").read_text())
    spec["process"] |= {"terminal": False, "args": ["/bin/sh", "-c", ":"]}
    (bundle / "config.json").write_text(json.dumps(spec))
    return lambda runtime: (str(runtime), "run", "-b", str(bundle), f"falcohost-{secrets.token_hex(4)}")


def run(*command: str) -> float:
    """Run a command; return how many milliseconds it took."""
    began = time.perf_counter()
    environment = {**os.environ, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return (time.perf_counter() - began) * 1000


def measured(start: Start, free: Path, paused: Path, pairs: int) -> dict[str, float]:
    """Return the medians of starts that are *free* and *paused*, and of what the latter take more."""
    found: list[tuple[float, float]] = []
    for _ in range(pairs + 1):
        times = {}
        for program in random.sample((free, paused), 2):
            times[program] = run(*start(program))
        found.append((times[free], times[paused]))
    del found[0]  # the first pair reads everything from disk
    low, middle, high = statistics.quantiles([late - early for early, late in found], n=4)
    free_ms, paused_ms = (statistics.median(one) for one in zip(*found, strict=True))
    return {"free_ms": free_ms, "paused_ms": paused_ms, "more_ms": middle, "low_ms": low, "high_ms": high}


def counted(state: Path) -> dict[str, int]:
    """Return what the process that pauses has counted."""
    command = [str(HERE / ".venv/bin/falcohost"), "stats", "--json", "--state-dir", str(state)]
    (source,) = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["sources"]
    return {name.removeprefix("containers: "): number for name, number in source["of_lookups"].items()}


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # who pauses is another user
        free, paused = (Path(shutil.copy(shutil.which("runc") or "", folder / one)) for one in ("free", "paused"))
        engines = {"podman": {"storages": [str(folder / "root")], "rootless": False}}
        settings = {"engines": engines, "pause": {"enabled": True, "programs": [str(paused)]}}
        plugin = {"plugins": [{"name": "container", "init_config": settings}], "load_plugins": ["container"]}
        (folder / "rules.yaml").write_text(RULE)
        (folder / "falco.yaml").write_text(json.dumps({**plugin, "falcohost": {"state_dir": str(folder / "state")}}))
        starts = {"podman": podman(folder), "runc": runc(folder)}
        program = str(HERE / ".venv/bin/falcohost")
        rows, before = {}, {"pauses": 0, "microseconds of all pauses": 0}
        with Agent([program, "-c", str(folder / "falco.yaml"), "-r", str(folder / "rules.yaml")], "Ready"):
            for kind, start in starts.items():
                rows[kind] = measured(start, free, paused, given.pairs)
                time.sleep(1.5)  # until the worker has asked for what was counted
                now = counted(folder / "state")
                pauses, spent = (now[one] - before[one] for one in before)
                rows[kind] |= {"pauses": pauses / (given.pairs + 1), "pause_ms": spent / max(pauses, 1) / 1000}
                before = {one: now[one] for one in before}
    print(f"{'':8}{'free (ms)':>12}{'paused (ms)':>14}{'more (ms)':>24}{'pauses of a start':>20}{'each (ms)':>12}")
    for kind, row in rows.items():
        more = f"{row['more_ms']:.1f} ({row['low_ms']:.1f} to {row['high_ms']:.1f})"
        print(
            f"{kind:8}{row['free_ms']:12.1f}{row['paused_ms']:14.1f}{more:>24}{row['pauses']:20.1f}"
            f"{row['pause_ms']:12.2f}"
        )
    given_up = now["pauses that ended before files had been read"]
    print(f"{given_up} pauses ended before files had been read")
    found = {"rows": rows, "given_up": given_up, "pairs": given.pairs, "load": os.getloadavg()[0]}
    print(json.dumps({"bench": "pauses", **found}))


if __name__ == "__main__":
    main()
