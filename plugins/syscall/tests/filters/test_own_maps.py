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
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.filters import load
from falcohost_syscall.filters.own_maps import MOST, OwnMaps
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
    """No filter of processes is weakened under all public and shipped rules, nor with many rules more."""
    further = tmp_path / "further.yaml"
    names = [", ".join(f"n{n}x{number}" for number in range(12)) for n in range(20)]
    further.write_text("".join(FURTHER.format(n=n, names=names[n]) for n in range(20)))
    public = [corpus / "rules" / name for name in PUBLIC]
    for paths in ([*public, *RULES], [*public, *RULES, further]):
        asked = {name: condition for name, condition in needed(*paths).items() if name.startswith("execve")}
        filters = load(asked, place)
        filters.close()

        assert asked
        assert [] == filters.weaker


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


def test_as_many_maps_as_kinds_of_keys(filter_bench):
    """More sets than can have maps of their own are in one map for each size of keys, and tables in one."""
    kernel = Counting(Library())
    with OwnMaps(kernel, filter_bench.maps) as maps:
        for again in (False, True):
            texts = [maps.texts([b"/%d" % n], 16) for n in range(MOST)]
            assert not maps.too_many or again
            other = maps.texts([b"/x"], 32)
            trie, longer = (maps.prefixes([(b"/x", 16)], size) for size in (8, 16))
            tables = [maps.table(bytes([n]) * 260) for n in range(3)]
            assert maps.too_many
            if not again:
                maps.join()
        numbers = {kept.number for kept in (*texts, other)}

        assert (1, MOST + 1) == (len({kept.map for kept in texts}), len(numbers))
        assert 5 == len({texts[0].map, other.map, trie.map, longer.map, tables[0].map}) == kernel.made
        assert [0, 264, 528] == [kept.number for kept in tables]
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
    text = f"evt.type = read and ({' or '.join([*rows, *begins, *searches])})"
    condition = necessary(plan(text, ends=False).condition, decide(BY_NAME["read"], Users()))
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
