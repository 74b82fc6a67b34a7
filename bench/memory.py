"""Measures the memory of each of the agent's processes, by kind of mapping: /proc/PID/smaps, in MB (PSS).

*private* is what no other process has: what the process has made, and copies of pages that it shared with the
supervisor until one of them wrote to them. *copies* are those of them that lie where the supervisor has a page too;
*equal* those whose content is even the same, since a count of references went up and down again. *alone* is what all
is where nobody else has the same files mapped, such as Python's: it does not depend on what else runs.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from against import CORPUS, HERE
from overhead import Agent, tree

PAGE = 4096
_PRESENT, _FILE, _EXCLUSIVE, _FRAME = 1 << 63, 1 << 61, 1 << 56, (1 << 55) - 1
KINDS = ("python", "heap", "ring", "file", "memfd", "stack")
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)$")


class Mapping(NamedTuple):
    """A line of /proc/PID/maps."""

    begin: int
    end: int
    name: str

    @property
    def kind(self) -> str:
        """Return its kind; *python* is what Python has allocated itself."""
        name = self.name
        if "bpf-map" in name:
            return "ring"
        if name.startswith("/"):
            return "memfd" if name.startswith("/memfd:") else "file"
        return {"[heap]": "heap", "[stack]": "stack", "": "python"}.get(name, "other")


def mappings(text: str) -> Iterator[Mapping]:
    """Yield the mappings in /proc/PID/maps or smaps."""
    for found in map(_MAPPING.match, text.splitlines()):
        if found is not None:
            yield Mapping(int(found[1], 16), int(found[2], 16), found[3])


def sizes(pid: int) -> dict[str, float]:
    """Return the proportional set size of a process by kind, and what is private, in MB."""
    found: dict[str, float] = dict.fromkeys((*KINDS, "all", "private"), 0.0)
    kind = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        for mapping in mappings(line):
            kind = mapping.kind
        name, _, value = line.partition(":")
        if name == "Pss":
            found[kind] = found.get(kind, 0.0) + int(value.split()[0]) / 1024
            found["all"] += int(value.split()[0]) / 1024
        elif name in ("Private_Clean", "Private_Dirty"):
            found["private"] += int(value.split()[0]) / 1024
    return found


def alone(pids: Sequence[int]) -> dict[int, float]:
    """Return what each of the processes takes where a page is divided among them only, in MB."""
    frames = {pid: [*_frames(pid)] for pid in pids}
    shared = Counter(frame for those in frames.values() for frame in {*those})
    return {pid: sum(1 / shared[frame] for frame in {*those}) * PAGE / (1 << 20) for pid, those in frames.items()}


def _frames(pid: int) -> Iterator[int]:
    """Yield the numbers of the page frames that a process has mapped."""
    with Path(f"/proc/{pid}/pagemap").open("rb", 0) as pages:
        for mapping in mappings(Path(f"/proc/{pid}/maps").read_text()):
            if mapping.name not in ("[vsyscall]", "[vvar]", "[vvar_vclock]", "[vdso]"):
                pages.seek(mapping.begin // PAGE * 8)
                entries = pages.read((mapping.end - mapping.begin) // PAGE * 8)
                yield from (entry & _FRAME for (entry,) in struct.iter_unpack("=Q", entries) if entry & _PRESENT)


def copies(pid: int, parent: int) -> dict[str, float]:
    """Return how much private memory lies where *parent* has memory, and how much of it has the same content."""
    there = [(one.begin, one.end) for one in mappings(Path(f"/proc/{parent}/maps").read_text())]
    found = {"copies": 0.0, "equal": 0.0}
    with Path(f"/proc/{pid}/mem").open("rb", 0) as own, Path(f"/proc/{parent}/mem").open("rb", 0) as others:
        for place in _private(pid):
            if not any(begin <= place < end for begin, end in there):
                continue
            own.seek(place)
            others.seek(place)
            found["copies"] += PAGE / (1 << 20)
            found["equal"] += (own.read(PAGE) == others.read(PAGE)) * PAGE / (1 << 20)
    return found


def _private(pid: int) -> Iterator[int]:
    """Yield the addresses of the pages in memory that only this process has."""
    with Path(f"/proc/{pid}/pagemap").open("rb", 0) as pages:
        for mapping in mappings(Path(f"/proc/{pid}/maps").read_text()):
            if mapping.kind not in ("python", "heap"):
                continue
            pages.seek(mapping.begin // PAGE * 8)
            entries = pages.read((mapping.end - mapping.begin) // PAGE * 8)
            for number, (entry,) in enumerate(struct.iter_unpack("=Q", entries)):
                if entry & _PRESENT and entry & _EXCLUSIVE and not entry & _FILE:
                    yield mapping.begin + number * PAGE


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", default=str(CORPUS / "rules/falco_rules.yaml"))
    parser.add_argument("--seconds", type=float, default=1.0, help="how long it has been ready by then")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VAL", help="a setting of the agent")
    given = parser.parse_args()
    command = [str(HERE / ".venv/bin/falcohost"), "-r", given.rules]
    with Agent([*command, *(part for one in given.set for part in ("-o", one))], "Ready") as agent:
        time.sleep(given.seconds)
        supervisor, *others = tree(agent.process.pid)
        found = [("supervisor", sizes(supervisor))]
        for pid in others:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            found.append((f"{name} {pid}", sizes(pid) | copies(pid, supervisor)))
        for (_, row), size in zip(found, alone([supervisor, *others]).values(), strict=True):
            row["alone"] = size
    heads = ("all", "alone", "private", "copies", "equal", *KINDS)
    print(f"{'':24}" + "".join(f"{head:>9}" for head in heads))
    total = {head: sum(row.get(head, 0.0) for _, row in found) for head in heads}
    for name, row in (*found, ("together", total)):
        print(f"{name:24}" + "".join(f"{row.get(head, 0.0):9.2f}" for head in heads))
    print(json.dumps({"bench": "memory", "processes": dict(found), "together": total}))


if __name__ == "__main__":
    main()
