"""Measures the names of files: nanoseconds of the kernel's programs for an open, by the spelling of its path.

Needs root. Each row is one spelling of one file's path: the time of an open that no rule wants, of one that no rule can
want because of its folder, or of its last name, and of one that is passed on, with all names of the file and with only
the requested one (``falcohost.names``). Each number is the least of several rounds, minus one reading of the clock, as
for ``falcohost stats --cost``.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugins/syscall/tests/filters"))

from watching import plan  # noqa: E402

from falcohost_syscall.source import SyscallSource  # noqa: E402

ROUNDS, OPENS = 8, 2000
IN_FOLDERS = "evt.type = openat and (fd.directory = /etc/pam.d or fd.name startswith /nowhere/)"
NAMED = "evt.type = openat and (fd.filename in (shadow, authorized_keys) or fd.name endswith .pem)"
WANTED = "evt.type = openat and fd.name {} and (fd.name contains id_rsa or fd.directory = /etc/pam.d or {})"
LOOP = """
import os, sys
path, count = sys.argv[1], int(sys.argv[2])
for _ in range(count):
    try: os.close(os.open(path, os.O_RDONLY))
    except OSError: pass
"""


def spellings(folder: Path) -> dict[str, str]:
    """Make a file in *folder*; return paths for it, seen from there, by what they are called."""
    (folder / "below").mkdir()
    (folder / "below/file").touch()
    (folder / "own").touch()
    (folder / "link").symlink_to("below/file")
    whole = f"{folder}/below/file"
    return {
        "absolute": whole,
        "relative": "below/file",
        "in the folder": "own",
        "with dots": f"{folder}/below/../below/file",
        "by a link": f"{folder}/link",
        "not there": f"{folder}/below/none",
    }


@contextlib.contextmanager
def watched(names: str, condition: str) -> Iterator[SyscallSource]:
    """Watch with one rule; measure what it costs."""
    source = SyscallSource({"falcohost": {"names": names}})
    source.open(plan(condition), None)
    source.measure(True)
    try:
        yield source
    finally:
        source.close()


def cost(source: SyscallSource, path: str, folder: Path) -> float:
    """Return the nanoseconds of one open of *path*."""
    found, batches = [], source.batches()
    for _ in range(ROUNDS):
        before = source.stats()
        subprocess.run([sys.executable, "-ISc", LOOP, path, str(OPENS)], cwd=folder, check=True)
        after = source.stats()
        opens, was = after.types["openat"], before.types.get("openat")
        timed, ns = (opens.timed, opens.ns) if was is None else (opens.timed - was.timed, opens.ns - was.ns)
        calls = after.unwanted["calls"]
        found.append(ns / timed - calls.ns / calls.timed)
        next(batches)
    return min(found)


def main() -> None:
    """Print a table, then one line of JSON."""
    figures: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = spellings(folder)
        for kind, condition in {
            "left out": WANTED.format("startswith /", "fd.name endswith .pem"),
            "by folder": IN_FOLDERS,
            "by last name": NAMED,
            "passed": WANTED.format("startswith /", f"fd.name startswith {folder}/"),
        }.items():
            for names in ("all", "requested"):
                with watched(names, condition) as source:
                    for spelling, path in paths.items():
                        figures.setdefault(spelling, {})[f"{kind}, {names}"] = round(cost(source, path, folder))
    print(f"{'ns an open':13}", *(f"{column:>20}" for column in figures["absolute"]))
    for spelling, row in figures.items():
        print(f"{spelling:13}", *(f"{ns:20,}" for ns in row.values()))
    print(json.dumps({"bench": "names", "ns": figures}))


if __name__ == "__main__":
    main()
