"""The law of the push-down: it passes too much, never too little. Random rules, random events, the real kernel."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
import random_events
import random_processes
import random_rules
from random_cases import for_random_cases
from workload import handmade
from workload.handmade import call

from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.code.specialise import specialise
from falcohost.engine.lookup_fields import filling
from falcohost.engine.typecheck import check
from falcohost.engine.unknown import possible, without_lookups
from falcohost.fields import Compare, Family, Field
from falcohost.lang.parser import parse
from falcohost.lookups import PENDING
from falcohost_syscall.calls.rows import BY_NAME, CALLS, EXEC, EXIT
from falcohost_syscall.drivers.modern_ebpf.decoding.names import NamedEvent
from falcohost_syscall.events.event import Context
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.leaves import leaf_bit, leaf_bits
from falcohost_syscall.filters.condition import TRUE, Condition, Point
from falcohost_syscall.processes.container_accounts import Names
from falcohost_syscall.processes.table import Process
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

EVENTS = 40
PROCESS_EVENTS = {EXEC, EXIT}


@pytest.fixture(scope="module")
def context(filter_bench, tmp_path_factory):
    """Return a context that knows some users, one container and the host, as the kernel is told of them."""
    context = handmade.context()
    context.users = Users(random_events.accounts(tmp_path_factory.mktemp("root")))
    context.inside = Inside(context.users)
    context.containers.learn(random_events.HOST, ["=/user.slice"])
    context.containers.learn(random_events.CONTAINER, [f"=/docker/{random_events.CONTAINER_ID}"])
    filter_bench.tell(random_events.HOST, layout.ON_HOST)
    filter_bench.tell(random_events.CONTAINER, layout.IN_CONTAINER)
    return context


class Inside(Names):
    """The accounts of the container: other users have the names that the machine's have."""

    def __init__(self, users: Users) -> None:
        super().__init__(lambda _: None)
        self._users = {1000: users.users.row(0), 0: users.users.row(1000), 7: users.users.row(1000)}
        self._groups = {5: users.groups.row(0), 0: users.groups.row(5)}

    def of(self, container: str, process: Process) -> Inside:
        """Return themselves."""
        return self


def as_event(record: bytes, context: Context) -> NamedEvent:
    """Return what user space makes of a record."""
    h = parts.header(record)
    return NamedEvent(CALLS[h.call - 1], tuple(h), record, 1, context.table.processes[h.pid], context)


def has_wanted_leaf(condition: Condition, record: bytes) -> bool:
    """Return what the probe finds before filters are asked, of a file that has one name and was not replaced."""
    found = dict(parts.sections(record))
    path = found.get(R.SEC_FDPATH, b"")
    if not path.startswith(b"/") or found.keys() & {R.SEC_HOSTPATH, R.SEC_WATCHED}:
        return True
    if parts.header(record).flags & R.FLAG_REPLACED:
        return True
    if CALLS[parts.header(record).call - 1].opens and found.get(R.SEC_PATH) != path:
        return True
    return bool(leaf_bits(condition) >> leaf_bit(path.rpartition(b"/")[2] or b"/") & 1)


class Rows:
    """A lookup that has a row for each container and the host: not yet, none, or one with values by chance."""

    name = "rows"

    def __init__(self, random: Random) -> None:
        self.random = random
        self.row: Any = None

    def find(self, key: object) -> Any:
        """Return the row of this event."""
        return self.row

    def change(self) -> None:
        """Have another row for the next event."""
        self.row = self.random.choice((PENDING, PENDING, None, {}))

    def reader(self, field: Field) -> Any:
        """Return what reads a field's value in a row."""
        values = {Family.BOOL: (True, False), Family.NUMBER: random_events.NUMBERS}
        some = values.get(field.type.family, random_rules.TEXTS)
        several = field.compare is not Compare.SCALAR

        def read(row: Any, arg: Any) -> Any:
            value = row.setdefault((field.name, arg), self.random.choice((None, *some)))
            return (value,) if several and arg is None and value is not None else value

        return read


#: What the lookup fills: what a container runtime would know, and some that the kernel knows well.
FILLED = {
    *("container.name", "container.image.repository", "container.label", "container.host_network", "k8s.ns.name"),
    *("k8s.pod.label", "container.privileged", "fd.name", "proc.exepath", "proc.aname", "user.name", "fs.path.name"),
}


def catalog_with(rows: Rows) -> Catalog:
    """Return the fields of system calls, some of which *rows* fill."""
    key = (random_events.CATALOG.resolve("container.id"),)
    fields = random_events.CATALOG.fields
    return Catalog(
        "syscall", (filling(one, rows, key, rows.reader(one)) if one.name in FILLED else one for one in fields)
    )


@pytest.mark.parametrize("looked_up", [False, True], ids=["no lookup", "a lookup"])
def test_never_too_little(filter_bench, context, monkeypatch, soak, looked_up):
    """No event that a rule matches, or may match, is left out by the filter made from that rule; most others are."""
    rows = Rows(Random())
    catalog = catalog_with(rows) if looked_up else random_events.CATALOG
    tasks = random_processes.population(Random("law"), context.table)
    loops = filter_bench.kernel.has_may_goto
    pairs: Counter[str] = Counter()

    def rule(random: Random) -> None:
        rows.random = random
        expr = random_rules.condition(random, catalog=catalog)
        matches = compile_condition(possible(expr))
        name = random.choice(random_events.EVENT_TYPES)
        condition = necessary(specialise(without_lookups(expr), name), decide(BY_NAME[name], context.users))
        monkeypatch.setattr(filter_bench.kernel, "has_may_goto", loops and random.random() < 0.7)
        programs = filter_bench.load(condition, late=name in PROCESS_EVENTS and random.random() < 0.5)
        for _ in range(EVENTS if condition != TRUE else 1):
            record = random_events.event(random, name, tasks)
            event = as_event(record, context)
            rows.change()
            wanted = any(map(matches, (event, *event.alternatives)))
            passed = has_wanted_leaf(condition, record) and filter_bench.passes(programs, record, event.proc)
            assert passed or not wanted, f"{expr}\n{condition}\n{event}\n{parts.sections(record)}"
            pairs["unwanted"] += not wanted
            pairs["left out"] += not passed
        filter_bench.unload(programs)

    for_random_cases(soak(5000, 200), rule)
    print(pairs)
    assert pairs["left out"] > pairs["unwanted"] / (3 if looked_up else 2)


@pytest.mark.parametrize(("name", "points"), [(None, []), ("another", [Point.PROCESS])])
def test_ancestors_come_last(filter_bench, context, name, points):
    """Of execs the process itself is asked about first; what that leaves out costs no walk over its ancestors."""
    random = Random(1)
    tasks = random_processes.population(random, context.table)
    record = random_events.event(random, "execve", tasks)
    process = as_event(record, context).proc
    condition = check(
        parse(f"proc.name = '{name or process.comm}' and proc.pname = nobody"), random_events.CATALOG
    ).expr
    programs = filter_bench.load(
        necessary(specialise(condition, "execve"), decide(BY_NAME["execve"], context.users)), late=True
    )
    left_out = [point for point, fd in programs.items() if not filter_bench.run(fd, record, point, None, process)]
    filter_bench.unload(programs)

    assert list(programs) == [Point.PROCESS, Point.ANCESTORS]
    assert left_out == [*points, Point.ANCESTORS]


@pytest.mark.parametrize(
    ("passed", "point"), [("/etc/passwd", Point.OBJECT), ("/etc//passwd", Point.MEMORY), ("/etc/../etc/passwd", None)]
)
def test_what_was_passed_is_asked_with_the_file(filter_bench, context, passed, point):
    """A path that was passed is asked before the caller's memory is read, if it is the file's name."""
    tasks = random_processes.population(Random(1), context.table)
    info = R.FDINFO.pack(42, 0o100644, 0xFE00, 0xEF53, 0, 0, 0)
    sections = {R.SEC_FD: info, R.SEC_FDPATH: b"/etc/passwd", R.SEC_PATH: passed.encode()}
    record = call("openat", tasks[0], 3, (0xFFFFFF9C,), sections)
    condition = check(parse("fd.name startswith /etc/ and fd.nameraw contains ../"), random_events.CATALOG).expr
    programs = filter_bench.load(necessary(condition, decide(BY_NAME["openat"], context.users)))
    left_out = [point for point, fd in programs.items() if not filter_bench.run(fd, record, point)]
    filter_bench.unload(programs)

    assert point == min(left_out, default=None)
