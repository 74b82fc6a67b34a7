"""Sets of constants share maps where a program would use more than the kernel allows: no filter is weaker for it."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest
import random_events
from filter_bench import FilterBench
from test_own_rules import RULES
from watching import plan
from workload.handmade import Task, call

from falcohost.engine.plan import make_plan
from falcohost.host.catalogs import catalogs, event_types
from falcohost.host.plugins import load_plugins
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost_syscall.calls.rows import BY_NAME, CALLS
from falcohost_syscall.drivers.modern_ebpf.filters import OF_CALLS, load
from falcohost_syscall.filters.comparing import Kept
from falcohost_syscall.filters.condition import All, Literal, Point, Text, View, literals
from falcohost_syscall.filters.own_maps import MOST, OwnMaps
from falcohost_syscall.filters.program import compile_filter
from falcohost_syscall.filters.searching import table
from falcohost_syscall.filters.sets import Prefixes, Search, Texts, at_most, sets
from falcohost_syscall.filters.weaken import forms
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import MAP_PROG_ARRAY, Kernel
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.records import record as R

PUBLIC = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
#: One more rule needs one more set each, many times over.
FURTHER = """
- rule: Further {n}
  desc: A rule with sets of its own
  condition: >
    evt.type in (execve, execveat) and proc.name in ({names})
    and not (proc.cmdline contains a{n}x or proc.cmdline contains b{n}x)
  output: x
  priority: INFO
"""


class Place(NamedTuple):
    """The maps of a probe: each kind of stages has its own, since the programs in one are of one type."""

    kernel: Kernel
    maps: dict[str, int]

    def map_fd(self, name: str) -> int:
        """Return the descriptor of a map."""
        return self.maps[name]


@pytest.fixture
def place(filter_bench):
    """Return a place for filters."""
    kernel, given = filter_bench.kernel, filter_bench.maps
    stages = {name: kernel.array(4, 64, MAP_PROG_ARRAY) for name in ("stages", "exec_stages", "exit_stages")}
    yield Place(kernel, {"scratches": given.memory, "containers": given.keyed, **stages})
    for descriptor in stages.values():
        os.close(descriptor)


def needed(*paths):
    """Return the conditions of the event types of the rules in these files."""
    plugins = load_plugins([])
    options = LoadOptions(event_types=event_types(plugins), plugins=plugins.stands_for())
    outcome = load_rules([read_file(str(path)) for path in paths], catalogs(plugins), options)
    assert all(result.ok for result in outcome.results)
    return conditions(make_plan("syscall", outcome.ruleset.enabled("syscall")), Users())


def test_public_and_shipped_rules_together(corpus, place, tmp_path):
    """No filter is weakened under all public and shipped rules, nor with many rules more."""
    further = tmp_path / "further.yaml"
    names = [", ".join(f"n{n}x{number}" for number in range(12)) for n in range(20)]
    further.write_text("".join(FURTHER.format(n=n, names=names[n]) for n in range(20)))
    public = [corpus / "rules" / name for name in PUBLIC]
    for paths in ([*public, *RULES], [*public, *RULES, further]):
        filters = load(needed(*paths), place)
        found = {row.name for row in CALLS if has_filter(filters, row)}
        filters.close()

        assert {"execve", "openat", "connect"} <= found
        assert [] == filters.weaker


def has_filter(filters, row):
    """Return whether there is a filter of a call."""
    return any(index % R.MAX_CALLS == row.call for _, index in filters.programs)


class Asked(NamedTuple):
    """The maps of a filter that note what it asks for."""

    found: set
    memory: int = 1
    stages: int = 2
    keyed: int = 3
    loops: bool = True

    def texts(self, constants, size):
        """Note texts."""
        self.found.add(Texts(frozenset(constants), size))
        return Kept(4)

    def prefixes(self, prefixes, size):
        """Note prefixes."""
        self.found.add(Prefixes(frozenset(prefixes), size))
        return Kept(4)

    def table(self, value):
        """Note a table."""
        self.found.add(value)
        return Kept(4)


def test_all_sets_are_foreseen(corpus):
    """What a filter looks up is known before it is written: for each condition of all public and shipped rules."""
    for condition in needed(*(corpus / "rules" / name for name in PUBLIC), *RULES).values():
        for form in forms(condition):
            asked = Asked(set())
            compile_filter(form, 0, asked, OF_CALLS)
            tests = {literal.test for literal in literals(form)}
            found = {one for test in tests for one in sets(test)}
            searches = {one for one in found if isinstance(one, Search)}

            assert asked.found == found - searches | {table(one.constants, fold=one.fold) for one in searches}
            assert len(found) <= sum(map(at_most, tests))


class Counting(Kernel):
    """Counts the maps that are open."""

    made = 0

    def map(self, *what):
        """Make a map."""
        self.made += 1
        return super().map(*what)

    def close(self, descriptor):
        """Close a map."""
        self.made -= 1
        super().close(descriptor)


def text(op, *constants):
    """Return the condition that the text at some place is one of *constants*, begins with one, and so on."""
    return Literal(Text(View(0, Point.MEMORY, Point.MEMORY), op, frozenset(constants)))


def test_as_many_maps_as_kinds_of_keys(filter_bench):
    """More sets than can have maps of their own are in one map for each size of keys, and tables in one."""
    kernel = Counting(Library())
    short = [text("=", *(b"/%d/%d" % (n, one) for one in range(9))) for n in range(MOST)]
    longer = text("=", *(b"/longer than sixteen/%d" % one for one in range(9)))
    begins = [text("startswith", *(b"/" + bytes([one]) * size for one in range(9))) for size in (6, 14)]
    searches = [text("contains", bytes([n + 97]), bytes([n + 98])) for n in range(3)]
    with OwnMaps(kernel, filter_bench.maps) as maps:
        maps.foresee(All((*short, *short)))
        assert 0 == kernel.made
        condition = All((*short, longer, *begins, *searches))
        maps.foresee(condition)
        assert 5 == kernel.made
        found = [one for literal in condition.items for one in sets(literal.test)]
        texts = [maps.texts(*one) for one in found if isinstance(one, Texts)]
        prefixes = [maps.prefixes(*one) for one in found if isinstance(one, Prefixes)]
        tables = [maps.table(table(one.constants, fold=False)) for one in found if isinstance(one, Search)]

        assert MOST + 1 == len(texts) == len({kept.number for kept in texts})
        assert [2, 2, 1] == [len({kept.map for kept in some}) for some in (texts, prefixes, tables)]
        assert 3 == len({kept.number for kept in tables})
        assert 5 == kernel.made
    assert 0 == kernel.made


def test_joined_sets_are_apart(filter_bench: FilterBench):
    """A text is found in the set that is asked, not in another one of the same map."""
    rows = [
        f"(fd.name in ({', '.join(f'/s{n}/{number}' for number in range(9))}) and evt.rawres = {n})" for n in range(70)
    ]
    begins = [
        f"(evt.rawres = {n} and ({' or '.join(f'fd.name startswith /p{n}/{number}' for number in range(10, 20))}))"
        for n in range(3)
    ]
    searches = [f"((fd.name contains q{n}x or fd.name contains r{n}x) and evt.rawres = {n})" for n in range(4)]
    read = f"evt.type = read and ({' or '.join([*rows, *begins, *searches])})"
    condition = necessary(plan(read, ends=False).condition, decide(BY_NAME["read"], Users()))
    programs = filter_bench.load(condition)

    def passes(path: bytes, result: int) -> bool:
        sections = {R.SEC_FD: R.FDINFO.pack(42, 0o100644, 0, 0xEF53, 0, 0, 0), R.SEC_FDPATH: path}
        return filter_bench.passes(
            programs, call("read", Task(4242, cgroup=random_events.HOST), result, (3,), sections)
        )

    for n in (0, 1, 35, 69):
        assert passes(b"/s%d/8" % n, n)
        assert not passes(b"/s%d/8" % n, (n + 1) % 70)
        assert not passes(b"/s%d/9" % n, n)
    for n in range(3):
        assert passes(b"/p%d/19/x" % n, n)
        assert not passes(b"/p%d/19/x" % n, n + 1)
    for n in range(4):
        assert passes(b"/some/r%dx" % n, n)
        assert not passes(b"/some/r%dx" % n, n + 1)
    filter_bench.unload(programs)
