"""The process table against reality: processes made in all the ways there are, as they are told and as they were."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from falcohost.events import Plan
from falcohost_syscall.processes.table import Process
from falcohost_syscall.source import SyscallSource

#: As the tester's truth.c has them.
NAMES = ("alpha", "a-name-beyond-15-bytes", "odd) S 1 (name")
WAYS = {
    "chain",
    "clone-parent",
    "clone3",
    "daemon",
    "fork",
    "fork-exec",
    "subreaper",
    "thread",
    "thread-exec",
    "thread-fork",
    "vfork",
    "vfork-exec",
}
ANCESTORS = 5

#: Where a process would put its root directory when all others have ended.
LAST = "/falcohost-last"

#: So many processes may have come meanwhile that have nothing to do with the test.
SLACK = 100

RULE = f"""
- rule: mark
  desc: A process of the truth program asked to be seen.
  condition: evt.type = chroot and evt.arg.path startswith /falcohost-mark/
  output: >
    path=%evt.arg.path container=%container.id pid=%proc.pid tid=%thread.tid ppid=%proc.ppid name=%proc.name
    command=%proc.cmdline parent=%proc.pname {" ".join(f"%proc.aname[{i}]" for i in range(1, ANCESTORS + 1))}
  priority: INFO
"""


@dataclass(frozen=True)
class Sample:
    """The facts of a process at its marked moment."""

    pid: int
    tid: int
    ppid: int
    name: str
    command: str
    ancestors: tuple[str, ...]


#: The id of the container (``host``: none), and the number that the process gave.
Key: TypeAlias = tuple[str, int]


@dataclass(frozen=True)
class Storm:
    """All processes by their keys: as they were, and as the alerts say; and the way in which each was made.

    :ivar lost: how many events the agent has told as lost; so many processes may be told as they were before, or not.
    """

    true: dict[Key, Sample]
    told: dict[Key, Sample]
    ways: dict[Key, str]
    doubles: list[Key]
    lost: int


def from_truth(line: str) -> tuple[int, str, Sample]:
    """Return number, way and facts of a line that the truth program wrote."""
    number, way, pid, tid, ppid, name, arguments, *ancestors = line.split("\t")
    return int(number), way, Sample(int(pid), int(tid), int(ppid), name, f"{name} {arguments}", tuple(ancestors))


def from_alert(fields: dict[str, object]) -> Sample:
    """Return the facts of an alert's output fields."""
    names = [fields[f"proc.aname[{i}]"] for i in range(1, ANCESTORS + 1)]
    keys = ("proc.pid", "thread.tid", "proc.ppid", "proc.name", "proc.cmdline")
    return Sample(*(fields[key] for key in keys), tuple(str(name) for name in names if name is not None))


def key_of(alert: dict[str, dict[str, str]]) -> Key:
    """Return the container of the marking process, and the number that it gave."""
    fields = alert["output_fields"]
    return fields["container.id"], int(fields["evt.arg.path"].rpartition("/")[2])


@pytest.fixture(scope="module")
def count(soak) -> int:
    """Return how many processes are made."""
    return soak(5000, 1000)


@pytest.fixture(scope="module")
def command(compiled, open_folder, count) -> list[str]:
    """Return the command that makes half of the processes."""
    program = compiled("truth.c", "mark.c")
    names = open_folder / "names"
    names.mkdir()
    for name in NAMES:
        shutil.copy(program, names / name)
    return [str(program), str(names), str(count // 2)]


@pytest.fixture(scope="module", params=[True, False], ids=["told of those that matter", "told of all"])
def process_context(request) -> bool:
    """Return how the table learns of processes: it has to say the same in both ways."""
    return request.param


@pytest.fixture(scope="module")
def storm(start_agent, command, container_cgroup, tmp_path_factory, process_context) -> Storm:
    """Run the truth program under the agent, on the host and in a container."""
    rules = tmp_path_factory.mktemp("rules") / "mark.yaml"
    rules.write_text(RULE)
    agent = start_agent(rules, settings={"falcohost": {"process_context": process_context}})

    group = container_cgroup / "cgroup.procs"
    inside = ["sh", "-c", 'echo 0 > "$0" && exec "$@"', str(group), *command]
    places = {"host": command, container_cgroup.name[:12]: inside}
    true: dict[Key, tuple[str, Sample]] = {}
    for place, line in places.items():
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [from_truth(line) for line in done.stdout.splitlines()]
        true |= {(place, number): (way, seen) for number, way, seen in lines}
        last = place, lines[-1][0]
        agent.wait_for(lambda alert, last=last: alert["rule"] == "mark" and key_of(alert) == last)
    assert agent.stop() == 0
    marks = [alert for alert in agent.alerts if alert["rule"] == "mark"]
    told = Counter(key_of(alert) for alert in marks)
    return Storm(
        true={key: seen for key, (_, seen) in true.items()},
        told={key_of(alert): from_alert(alert["output_fields"]) for alert in marks},
        ways={key: way for key, (way, _) in true.items()},
        doubles=[key for key, count in told.items() if count > 1],
        lost=lost_of(agent.log),
    )


def lost_of(log: str) -> int:
    """Return how many events have been lost, as the log says."""
    return max((int(total) for total in re.findall(r"'syscall' has lost .*; (\d+) in total", log)), default=0)


def test_all_ways_were_taken(storm, count):
    """The truth program made processes in all ways, each many times."""
    taken = Counter(storm.ways.values())

    assert set(taken) == WAYS
    assert min(taken.values()) > count / 50


def test_each_is_seen_once(storm):
    """There is one alert for each marked moment, and none besides; as many may be missing as are told as lost."""
    assert storm.told.keys() <= storm.true.keys()
    assert len(storm.true) - len(storm.told) <= storm.lost
    assert storm.doubles == []


@pytest.mark.parametrize("way", sorted(WAYS))
def test_is_as_it_was(storm, way):
    """Ids, name, command line and ancestors in the alert are those that the kernel had at that moment.

    An event that is told as lost may have been the one that made a process what it was.
    """
    wrong = {key: (seen, storm.told.get(key)) for key, seen in storm.true.items() if storm.told.get(key) != seen}
    own = [two for key, two in wrong.items() if storm.ways[key] == way]

    assert not own or len(wrong) <= storm.lost, f"{len(own)} differ, as it was and as it was told: {own[:3]}"


def test_table_is_bounded(bpf, command, process_context, count):
    """When all have ended, the table has forgotten them, and none is held in memory by another."""
    source = SyscallSource({"engine": {}, "falcohost": {"process_context": process_context}})
    source.open(Plan(source="syscall", event_types=frozenset({"chroot"})), None)
    try:
        before = len(source.driver.context.table)
        last = [sys.executable, "-ISc", f"import os\ntry: os.chroot({LAST!r})\nexcept OSError: pass"]
        shell = ["sh", "-c", '"$1" "$2" "$3" && shift 3 && exec "$@"', "sh", *command, *last]
        with subprocess.Popen(shell, stdout=subprocess.DEVNULL) as process:
            marks = marks_until_last(source)
        assert process.returncode == 0
        gc.collect()
        held = sum(isinstance(thing, Process) for thing in gc.get_objects())

        assert marks > count / 6
        assert len(source.driver.context.table) < before + SLACK
        assert held < before + 2 * SLACK
    finally:
        source.close()


def marks_until_last(source: SyscallSource) -> int:
    """Return how often a process asked to be seen, when all that has happened before the last of it is read."""
    marks, last = 0, False
    for batch in source.batches():
        for event in batch.events:
            marks += event.type == "chroot"
            last = last or event.path == LAST
        if last:
            return marks
    raise AssertionError("the source has ended")
