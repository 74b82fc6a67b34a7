"""Finds out which functions run in which process of the agent after the first fork, and writes running_code.txt.

The agent with these rules, the public stable ones by default, runs until it has been ready for some seconds, first idle
and then with alerts. Its processes note the code that begins (sys.monitoring) in memory that they share with this one.
What only a start runs, and what runs later only with alerts, is told apart: a process gives back what its start has
changed. See :mod:`falcohost.host.running_code`. Needs root, and Python 3.12 or newer.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import mmap
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from pathlib import Path
from types import CodeType
from typing import Final, NoReturn

from against import CORPUS, HERE
from overhead import tree

FILE: Final = "running_code.txt"
DEFINE: Final = "# Functions that its modules define: "
HEAD: Final = "# Which functions run in which process: written by script/bench running_code.\n"
#: The packages that have a file, and where the first one is: it has what belongs to no other.
PACKAGES: Final = {
    "falcohost": "core/falcohost",
    "falcohost_syscall": "plugins/syscall/falcohost_syscall",
    "falcohost_containers": "plugins/containers/falcohost_containers",
}
#: Functions that only one kind of process runs.
KINDS: Final = {
    ("falcohost.host.supervisor", "Supervisor._look"): "supervisor",
    ("falcohost.host.loader", "run_loader"): "loader",
    ("falcohost.host.work", "Work.run"): "worker",
    ("falcohost_containers.helper", "serve"): "runtimes",
}
SEVERAL: Final = "several"
#: What the names of sections end with, by the phase in which their functions first run again: only at the start, while
#: it is idle, with alerts.
ENDS: Final = (" at the start", "", " with alerts")
START, IDLE, ALERTS = range(3)
#: Seconds from being ready until it is idle.
SETTLES: Final = 10
REGION, REGIONS, TOOL = 1 << 19, 512, 4


class Noting:
    """Notes in shared memory, in a region for each process, the code that begins."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, REGION * REGIONS + 1)
        self._at = 4
        self._known: set[tuple[int, CodeType]] = set()

    @property
    def phase(self) -> int:
        """The phase, in all processes."""
        return self.memory[REGION * REGIONS]

    @phase.setter
    def phase(self, phase: int) -> None:
        self.memory[REGION * REGIONS] = phase

    def begin(self) -> None:
        """Begin anew, in the region of this process."""
        self._start = os.getpid() % REGIONS * REGION
        self._at = 4
        self.memory[self._start : self._start + 4] = bytes(4)
        self._known.clear()

    def start(self) -> None:
        """Note what begins in this process and its forks."""
        self.begin()
        monitoring = sys.monitoring
        monitoring.use_tool_id(TOOL, "running code")
        monitoring.register_callback(TOOL, monitoring.events.PY_START, self._note)
        monitoring.set_events(TOOL, monitoring.events.PY_START)
        os.register_at_fork(after_in_child=self.begin)

    def _note(self, code: CodeType, _: int) -> None:
        if code.co_qualname == "fill_holes":  # what runs before the first fork is changed before it
            self.begin()
        if (self.phase, code) in self._known:
            return
        self._known.add((self.phase, code))
        line = f"{code.co_filename}\t{code.co_qualname}\t{self.phase}\n".encode()
        end = self._at + len(line)
        if end <= REGION:
            self.memory[self._start + self._at : self._start + end] = line
            self._at = end
            self.memory[self._start : self._start + 4] = struct.pack("=I", end)

    def noted(self, pid: int) -> list[list[str]]:
        """Return files, names and phases that a process has noted."""
        start = pid % REGIONS * REGION
        (end,) = struct.unpack_from("=I", self.memory, start)
        lines = self.memory[start + 4 : start + end].decode(errors="replace").splitlines()
        return [parts for line in lines if len(parts := line.split("\t")) == 3]  # threads may mix theirs


def modules() -> dict[str, str]:
    """Return the names of modules by their files, of those that can be in an agent."""
    found = {}
    for root in (*PACKAGES.values(), "rules/falcohost_rules"):
        for path in (HERE / root).rglob("*.py"):
            parts = path.relative_to((HERE / root).parent).with_suffix("").parts
            found[str(path)] = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    for folder in map(Path, sys.path):
        if folder.is_dir() and folder != HERE / "core":
            for path in folder.rglob("*.py"):
                if "tests" not in path.parts:
                    parts = path.relative_to(folder).with_suffix("").parts
                    found.setdefault(str(path), ".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def run(rules: list[str], seconds: float) -> dict[tuple[str, str], str]:
    """Return in which process each function ran, by module and name."""
    noting = Noting()
    with tempfile.TemporaryDirectory() as folder:
        err = Path(folder, "err")
        err.touch()
        pid = os.fork()
        if pid == 0:
            _agent(noting, rules, Path(folder))
        while "Ready" not in err.read_text():
            time.sleep(0.1)
            if os.waitpid(pid, os.WNOHANG)[0]:
                sys.exit(err.read_text())
        time.sleep(SETTLES)
        noting.phase = IDLE
        time.sleep(seconds)
        noting.phase = ALERTS
        for _ in range(int(seconds)):
            subprocess.run(["cat", "/etc/shadow"], stdout=subprocess.DEVNULL, check=True)
            time.sleep(1)
        names = modules()
        ran: dict[tuple[str, str], list[set[str]]] = defaultdict(lambda: [set() for _ in ENDS])
        for one in tree(pid):
            found = [((_module(file, names), name), int(phase)) for file, name, phase in noting.noted(one)]
            comm = Path(f"/proc/{one}/comm").read_text().strip().removeprefix("falcohost-")
            other = "proc" if comm in ("falcohost", "python") else comm
            label = next((KINDS[each] for each, _ in found if each in KINDS), other)
            for each, phase in found:
                ran[each][phase].add(label)
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    return {each: _section(where) for each, where in ran.items() if each[0]}


def _section(where: list[set[str]]) -> str:
    """Return the section of a function that ran in these processes, by phase."""
    phase = next((one for one in (IDLE, ALERTS) if where[one]), START)
    return (SEVERAL if len(where[phase]) > 1 else min(where[phase])) + ENDS[phase]


def _agent(noting: Noting, rules: list[str], folder: Path) -> NoReturn:
    """Be the agent."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(folder / "err", os.O_WRONLY), 2)
        given = [part for one in rules for part in ("-r", one)]
        sys.argv = ["falcohost", *given, "-o", f"falcohost.state_dir={folder}/state"]
        from falcohost.cli import main
        from falcohost.environment import BASE, SUPERVISOR, selected

        few = selected(os.environ, (*BASE, *SUPERVISOR))
        os.environ.clear()  # with others it would execute itself anew
        os.environ.update(few)
        noting.start()
        main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _module(file: str, names: dict[str, str]) -> str:
    if file.startswith("<frozen "):
        return file.removeprefix("<frozen ").rstrip(">")
    return names.get(file, "")


def write(ran: dict[tuple[str, str], str]) -> None:
    """Write the file of each package."""
    for package, folder in PACKAGES.items():
        sections: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for (module, name), process in ran.items():
            root = module.partition(".")[0]
            if (root if root in PACKAGES else "falcohost") == package:
                sections[process][module].add(name)
        listed = {module for those in sections.values() for module in those if module.partition(".")[0] == package}
        text = HEAD + f"{DEFINE}{sum(map(functions, listed))}\n"
        for process in sorted(sections):
            text += f"\n[{process}]\n"
            text += "".join(f"{one} {' '.join(sorted(names))}\n" for one, names in sorted(sections[process].items()))
        (HERE / folder / FILE).write_text(text)


def functions(module: str) -> int:
    """Return how many functions *module* defines, by which a test tells when the files are to be written anew."""
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None
    return len(re.findall(r"^ *(?:async )?def ", Path(found.origin).read_text(), re.MULTILINE))


def main() -> None:
    """Write the files; print how many functions run in each process, and last one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", nargs="+", default=[str(CORPUS / "rules/falco_rules.yaml")])
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long it is idle, and then has an alert each second"
    )
    given = parser.parse_args()
    ran = run(given.rules, given.seconds)
    write(ran)
    counts = {process: list(ran.values()).count(process) for process in sorted({*ran.values()})}
    for process, count in counts.items():
        print(f"{process:25} {count:5}")
    print(json.dumps({"bench": "running_code", "functions": counts}))


if __name__ == "__main__":
    main()
