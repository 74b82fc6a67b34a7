"""Measures the names of files: nanoseconds of the kernel's programs for an open, by the spelling of its path.

Needs root. Each row is one spelling of one file's path: the time of an open that no rule wants, of one that no rule can
want because of its folder, or of its last name, and of one that is passed on, with all names of the file and with only
the requested one (``falcohost.names``). Each number is the least of several rounds, minus one reading of the clock, as
for ``falcohost stats --cost``.

``--rules`` measures one thing instead: what the programs of an agent with the public, the shipped, or three rules take
for an open of a file under ``/tmp``, which none of them wants, by the kernel's own statistics of programs, and what of
that are the statistics, by an empty program. Each is the median of bursts of opens without a close; the half of the
bursts counts in which the least else happened on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugins/syscall/tests/filters"))

from overhead import BENCH, FILTERED, RULES, Agent, command, tree  # noqa: E402
from watching import plan  # noqa: E402

from falcohost.cli.program_runs import ProgramRuns, held  # noqa: E402
from falcohost_syscall.kernel.assembler import Assembler  # noqa: E402
from falcohost_syscall.kernel.libbpf import Library  # noqa: E402
from falcohost_syscall.kernel.program_info import program_info  # noqa: E402
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, Kernel  # noqa: E402
from falcohost_syscall.source import SyscallSource  # noqa: E402

ROUNDS, OPENS = 8, 2000
#: Of ``--rules``: bursts of each kind, and opens in one, which all stay open.
BURSTS, IN_BURST = 80, 300
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


class Opens:
    """A program that opens *file* so often as it is told, compiled into *folder*."""

    def __init__(self, file: Path, folder: Path) -> None:
        program = folder / "opens"
        subprocess.run(["gcc", "-O2", "-o", program, BENCH / "opens.c"], check=True)
        self._run = subprocess.Popen(
            [program, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def burst(self) -> None:
        """Open the file :data:`IN_BURST` times."""
        assert self._run.stdin and self._run.stdout
        self._run.stdin.write(f"{IN_BURST}\n")
        assert self._run.stdout.readline() == "opened\n"

    def close(self) -> None:
        """End the program."""
        self._run.communicate()


def of_an_open(opens: Opens, library: Library, programs: Sequence[int]) -> float:
    """Return the nanoseconds that *programs* (descriptors) take for an open, each of those that run for one."""
    bursts = []
    for _ in range(BURSTS):
        before = [program_info(library, one) for one in programs]
        opens.burst()
        after = [program_info(library, one) for one in programs]
        runs = [now.run_cnt - was.run_cnt for was, now in zip(before, after, strict=True)]
        ns = [now.run_time_ns - was.run_time_ns for was, now in zip(before, after, strict=True)]
        ran = [place for place, count in enumerate(runs) if count >= IN_BURST]
        bursts.append((sum(runs), sum(ns[place] for place in ran) / IN_BURST))
    fewest = sorted(bursts)[: BURSTS // 2]
    return float(statistics.median([ns for _, ns in fewest]))


@contextlib.contextmanager
def empty(library: Library) -> Iterator[int]:
    """Have a program that does nothing run when calls return; yield its descriptor."""
    kernel, nothing = Kernel(library), Assembler()
    nothing.leave()
    program = kernel.program(nothing.assemble(), PROGRAM_RAW_TRACEPOINT)
    entry = kernel.entry(program, "Cannot attach a program that does nothing", "sys_exit")
    try:
        yield program
    finally:
        entry.close()


def unwanted(rules: str) -> dict[str, object]:
    """Return what an open that no rule wants costs with *rules* (:data:`overhead.RULES`)."""
    library = Library()
    with tempfile.TemporaryDirectory() as name, tempfile.NamedTemporaryFile(dir="/tmp") as file:
        opens = Opens(Path(file.name), Path(name))
        with Agent(shlex.split(command(rules, Path(name))), "Ready") as agent:
            agent.settle(3, FILTERED if rules == "shipped" else None)
            runs, pids = ProgramRuns(), tree(agent.process.pid)
            with runs.counting(pids):
                if runs.problem:
                    sys.exit(f"The kernel does not count runs of programs: {runs.problem}")
                programs = [library.check(library.lib.bpf_prog_get_fd_by_id(one), "a program") for one in held(pids)]
                opens.burst()  # the folder is looked at for the first time
                found = of_an_open(opens, library, programs)
                with empty(library) as nothing:
                    statistics_ns = of_an_open(opens, library, [nothing])
        opens.close()
    return {"rules": rules, "ns": round(found), "statistics_ns": round(statistics_ns), "load": os.getloadavg()[0]}


def main() -> None:
    """Print what was asked for, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", choices=RULES, help="measure an open that none of these rules wants, and only that")
    rules = parser.parse_args().rules
    if rules is None:
        print_spellings()
        return
    row = unwanted(rules)
    left = row["ns"] - row["statistics_ns"]  # type: ignore[operator]
    print(
        f"{rules} rules: an open of a file under /tmp that no rule wants: {row['ns']} ns, {row['statistics_ns']} of it "
        f"the kernel's statistics, so {left} (load {row['load']:.0f})"
    )
    print(json.dumps({"bench": "names", **row}))


def print_spellings() -> None:
    """Print a table of spellings, then one line of JSON."""
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
