"""A file's names in the kernel and in user space: with filters on names and without, the same events match."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest
import random_events
from names_workload import FILES, HARD_LINKS, NAMES, fill
from random_cases import for_random_cases

from falcohost.engine.code.module import Condition, compile_condition
from falcohost.engine.ir import Expr
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import EXIT
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import PID, RET
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.source import SyscallSource

EACH = 100
#: What all opens of the workload are known by, whatever else the machine does meanwhile.
OURS = "evt.type = openat and group.gid = 54321"
WORKLOAD = Path(__file__).parent / "names_workload.py"


def some_condition(random: Random, top: str) -> str:
    """Return a condition on the names of the workload's files."""
    tops = (top, f"{top}.bound", "", "/c")
    paths = [f"{random.choice(tops)}/{name}" for name in random.choices((*NAMES, "none"), k=5)]
    names = ", ".join(paths)
    below = random.choice((*tops, f"{top}/a", f"{top}/b", "/tmp"))
    texts = random.choice(("f", "/a/c/", "d/f", "bound", "l", "..e"))
    some = random.choice(
        (
            f"fd.name in ({names})",
            f"fs.path.name in ({names}) or fs.path.nameraw startswith l",
            f"fd.name startswith '{below}/' and not fd.name endswith /f",
            f"fd.name contains '{texts}' and not fd.name startswith '{below}/'",
            f"fd.name.requested in ({names}) and not fd.name = {paths[0]}",
            f"fd.name.host in ({names}) or (not fd.name.host exists and fd.name in ({names}))",
            f"not fd.name.real in ({names}) and fd.name.watched exists",
            f"evt.abspath startswith '{below}/' and not fd.name.real contains '{texts}'",
            f"fd.directory in ({names}) or fd.filename in (f, l, m, none)",
            f"not fd.name contains '{texts}' and fd.directory startswith '{below}/'",
            f"fd.filename = f and not fd.directory in ({names})",
        )
    )
    return f"{OURS} and ({some}) and {random.choice(('fd.num > 0', 'evt.failed = true', 'fd.num != 0'))}"


def expression(text: str) -> Expr:
    """Return the condition *text*."""
    return check(parse(text), random_events.CATALOG).expr


class Watcher:
    """A source that stays open, and is told of one condition after the other; *seen* counts what it told of."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        self.source = SyscallSource({"falcohost": settings})
        self.source.open(self._plan(OURS), None)
        self._batches = self.source.batches()
        self.seen = 0

    @staticmethod
    def _plan(told: str) -> Plan:
        wanted = expression(f"evt.type = {EXIT} or ({told})")
        return Plan("syscall", frozenset({"openat", EXIT}), condition=wanted)

    def tell(self, told: str) -> None:
        """Want the events that match the condition *told* from now on."""
        self.source.update(self._plan(told))

    def found(self, pid: int, matches: Condition) -> Counter[tuple[object, ...]]:
        """Return what the process, which has ended, did that *matches* under any one name, each with the name."""
        found: Counter[tuple[object, ...]] = Counter()
        for event, views in self._events(pid):
            view = next(filter(matches, (event, *event.alternatives) if views else (event,)), None)
            if view is not None:
                found[(event.path, event.abspath, event.fdpath, view.file_name, event.h[RET])] += 1
        return found

    def _events(self, pid: int) -> Iterator[tuple[SyscallEvent, bool]]:
        for batch in self._batches:
            for event in batch.events:
                if event.h[PID] == pid and event.type == EXIT:
                    return
                if event.h[PID] == pid:
                    self.seen += 1
                    yield event, batch.views

    def close(self) -> None:
        """Close the source."""
        self.source.close()


@pytest.mark.parametrize("names", ["all", "requested"])
def test_filters_know_every_name(bpf, tmp_path, names, soak):
    """A file that matches under one of its names passes the filters, wherever it was opened, however spelled."""
    tops = [tmp_path / str(number) for number in range(soak(100_000, 2000) // EACH)]
    for top in tops:
        fill(top)
    some = [top / name for top in tops for name in Random(top.name).sample((*FILES, *HARD_LINKS, "l/m", "none"), 4)]
    settings = {"names": names, "watch_inodes": list(map(str, some))}
    left, matched = iter(tops), Counter[str]()
    with contextlib.closing(Watcher(settings)) as unfiltered, contextlib.closing(Watcher(settings)) as filtered:

        def condition(random: Random) -> None:
            top = next(left)
            text = some_condition(random, str(top))
            filtered.tell(text)
            command = [sys.executable, str(WORKLOAD), str(random.random()), str(EACH), str(top)]
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            _, errors = process.communicate()
            assert process.returncode == 0, errors
            matches = compile_condition(expression(text))
            expected, got = unfiltered.found(process.pid, matches), filtered.found(process.pid, matches)

            assert expected == got, text
            matched[text] = expected.total()

        for_random_cases(len(tops), condition)
    print(f"{unfiltered.seen} opens, {matched.total()} match, {filtered.seen} passed")
    assert matched.total() > 0
    assert filtered.seen < unfiltered.seen / 2
