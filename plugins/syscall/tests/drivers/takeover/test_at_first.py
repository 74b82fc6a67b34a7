"""Filters of many rules: a part is loaded before the agent is ready; until the others are, more events pass."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from falcohost import Plan, TypeCount, handed
from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.kept import LoadAgain
from falcohost.lang.parser import parse
from falcohost.testing.waiting import wait_until
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers import drivers
from falcohost_syscall.drivers.modern_ebpf import at_first, collection, config, making
from falcohost_syscall.drivers.modern_ebpf import loader as loading
from falcohost_syscall.drivers.modern_ebpf.asked import Compiled, alone, ask, compiled, read
from falcohost_syscall.drivers.modern_ebpf.at_first import parted
from falcohost_syscall.drivers.modern_ebpf.driver import ModernEbpf
from falcohost_syscall.drivers.modern_ebpf.loader import Loader
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.filters.condition import Point, up_to
from falcohost_syscall.kernel.program_info import program_info
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.records.record import MAX_CALLS, STAGE_SUBMIT

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
RULE = "evt.type in (rmdir, openat) and fs.path.name = /nowhere and proc.name = python3"
MANY = " or ".join(
    f"(evt.type in (openat, rmdir) and fd.name = /a{n} and evt.rawres != {n} and proc.aname[{n % 5 + 1}] = b{n})"
    for n in range(80)
)
#: Calls that no rule wants, and one of which the rule wants both.
UNWANTED = """
for number in range(50):
    try: os.rmdir("/not-there")
    except OSError: pass
"""


def plan(condition: str) -> Plan:
    """Return the plan for one rule."""
    expr = check(parse(condition), CATALOG).expr
    fields = frozenset(ref.field.name for ref in ir.fields(expr))
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), fields, condition=expr)


def run(script: str) -> None:
    """Run Python code in a process of its own."""
    subprocess.run([sys.executable, "-ISc", f"import os\n{script}"], check=True)


@pytest.fixture
def started(bpf: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Loader, ModernEbpf]]]:
    """Return a function that loads the probe for a rule as a process of its own does, and opens a driver beside it."""
    monkeypatch.setattr(at_first, "_LEAST_LATER", 0)
    opened: list[Loader | ModernEbpf] = []

    def started(condition: str, *, compiled: bool = False) -> tuple[Loader, ModernEbpf]:
        asked = plan(condition)
        opened.append(loader := Loader({}, alone=True))
        loader.open(ask(config.parse({}), asked, compiled=compiled))
        handed.INHERITED.update({name: tuple(map(os.dup, those)) for name, those in loader.descriptors.items()})
        opened.append(driver := ModernEbpf({}))
        driver.open(asked)
        return loader, driver

    yield started
    for one in reversed(opened):
        one.close()
    handed.INHERITED.clear()


def has_all(loader: Loader) -> bool:
    """Look; return whether all filters are loaded."""
    loader.look()
    return loader.status().purpose != ""


def test_they_pass_until_there_is_a_filter(started, caplog):
    """Without a filter each call passes; with it none does that no rule wants. No process is left."""
    loader, driver = started(RULE)
    caplog.set_level(logging.INFO, "falcohost")
    at_once = loader.status().purpose
    said_at_once = "All filters are loaded" in caplog.text
    run(UNWANTED)
    before = driver.stats().types["rmdir"]
    wait_until(lambda: has_all(loader))
    middle = driver.stats().types["rmdir"]
    run(UNWANTED)
    after = driver.stats().types["rmdir"]

    assert at_once == ""
    assert (False, 1) == (said_at_once, caplog.text.count("All filters are loaded"))
    assert before.passed >= 50
    assert after.filtered - middle.filtered >= 50
    assert after.seen - middle.seen == after.filtered - middle.filtered
    assert [] == [*loader.look()]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_where_there_may_be_no_other_filter(started):
    """The loader knows of each point at which the kernel asks a filter which one that is, or that there is none."""
    loader, _ = started(RULE)
    wait_until(lambda: has_all(loader))
    (entries,) = (one for one in loader.probe.ledger.entries().values() if one.name == "filters")
    places = [divmod(int.from_bytes(key, sys.byteorder), MAX_CALLS) for key in entries.programs]

    def points(name):
        return sorted(point for point, row in places if row == BY_NAME[name].call)

    assert [*range(STAGE_SUBMIT + 1)] == points("openat")  # the last is that of folders
    assert [*range(STAGE_SUBMIT)] == points("rmdir")


def test_what_is_there_at_first_stays(started):
    """What filters of a start ask is not loaded again where filters are compiled already; what comes later is."""

    def programs(loader, name):
        (entries,) = (one for one in loader.probe.ledger.entries().values() if one.name == "filters")
        row, there = BY_NAME[name].call, entries.programs
        keys = ((point * MAX_CALLS + row).to_bytes(4, sys.byteorder) for point in Point)
        return [there[key] for key in keys]

    loader, _ = started(MANY, compiled=True)
    before = programs(loader, "openat")
    wait_until(lambda: has_all(loader))
    after = programs(loader, "openat")

    assert before[Point.MEMORY] == after[Point.MEMORY] != 0
    assert before[Point.OBJECT] == after[Point.OBJECT]
    assert before[Point.ANCESTORS] == 0 != after[Point.ANCESTORS]
    assert [] == [*loader.look()]


def test_filters_that_are_compiled_already(started):
    """Those that come with what the rules ask for are loaded without being compiled; what is collected is the same."""
    loader, driver = started(RULE, compiled=True)
    at_once = loader.status().purpose
    (later,) = loader.collection._later
    wait_until(lambda: has_all(loader))
    run(UNWANTED)
    middle = driver.stats().types["rmdir"]
    run(UNWANTED)
    after = driver.stats().types["rmdir"]

    assert at_once == ""
    assert not later._begun
    assert after.filtered - middle.filtered >= 50
    assert [] == [*loader.look()]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_each_counts_as_soon_as_it_is_there(started, monkeypatch, tmp_path):
    """While others are still to come, a call that its own filter knows to be unwanted does not pass; others do."""
    monkeypatch.setattr(loading, "SLICE", 0.0)  # one thing at each look
    gone = tmp_path / "gone"
    loader, driver = started(f"evt.type in (chroot, rmdir) and fs.path.name = {gone}", compiled=True)
    (later,) = loader.collection._later
    wait_until(lambda: not has_all(loader) and later._making._next == later._making._written.count)
    before = driver.stats().types.get("rmdir", TypeCount())
    run(UNWANTED)
    run(f"for _ in range(3): os.mkdir({str(gone)!r}), os.rmdir({str(gone)!r})")
    after = driver.stats().types["rmdir"]

    assert loader.status().purpose == ""
    assert 50 <= after.filtered - before.filtered
    assert 3 == after.passed - before.passed
    wait_until(lambda: has_all(loader))
    assert [] == [*loader.look()]


def test_those_of_opens_wait_for_the_others():
    """What folders are judged by is used when all of it is there, whatever else is; nothing but a call's filter is."""
    own = {name for name, row in BY_NAME.items() if collection._is_of_its_own("filters", 3 * MAX_CALLS + row.call)}

    assert {"rename", "mkdir", "mount", "connect"} <= own
    assert own.isdisjoint({"open", "openat", "creat"})
    assert not collection._is_of_its_own("exec_filters", BY_NAME["rename"].call)
    assert not any(collection._is_of_its_own("filters", row) for row in (0, len(BY_NAME) + 1))


def filter_tags(loader: Loader) -> dict[tuple[bytes, str], bytes]:
    """Return of each filter by its place what the kernel knows its instructions by."""
    found = {}
    for entries in loader.probe.ledger.entries().values():
        for key, number in entries.programs.items() if "filters" in entries.name else ():
            if number:
                program = loader.probe.object.library.lib.bpf_prog_get_fd_by_id(number)
                found[key, entries.name] = program_info(loader.probe.object.library, program).tag
                os.close(program)
    return found


@pytest.mark.parametrize("condition", [RULE, MANY])
def test_those_of_a_start_are_the_same_compiled_already(started, monkeypatch, condition):
    """They have the same places and instructions, and no fork has compiled them."""
    first, _ = started(condition)
    before = filter_tags(first)
    monkeypatch.setattr(collection, "load_apart", None)
    second, _ = started(condition, compiled=True)

    assert before == filter_tags(second) != {}


def test_what_is_asked_for_is_the_same_with_filters(started):
    """Filters are no part of what is asked for, by which it is told whether that has changed."""
    loader, _ = started(RULE, compiled=True)
    wait_until(lambda: has_all(loader))
    before = loader.status().purpose
    without, whole = (ask(config.parse({}), plan(RULE), compiled=compiled) for compiled in (False, True))
    loader.update(without)

    assert loader.status().purpose == before
    assert without == alone(whole) == alone(without) != whole
    assert read(without) == read(whole)


def test_only_the_reader_compiles_ahead(monkeypatch):
    """What rules ask for has filters where it is asked by who is the agent, not where a loader asks anew."""
    monkeypatch.setattr(at_first, "_LEAST_LATER", 0)
    reader, loader = (drivers.ask({"agent_pid": pid}, plan(RULE)) for pid in (os.getpid(), os.getppid()))

    assert compiled(reader).later is not None
    assert compiled(reader).first
    assert compiled(loader) == Compiled()
    assert alone(reader) == loader


@pytest.mark.parametrize("again", [True, False])
def test_other_rules_meanwhile(started, again):
    """Other rules that come before all filters are there have all of theirs at once; so has a fork that ends early."""
    loader, driver = started(RULE)
    if again:
        loader.update(ask(config.parse({}), plan(f"{RULE} or evt.type = chroot")))
    else:
        making._Link(loader.collection._later[0]._maker.link).end()
        wait_until(lambda: has_all(loader))
    run(UNWANTED)

    assert loader.status().purpose != ""
    assert driver.stats().types["rmdir"].filtered >= 50
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_loader_that_ends_before(started):
    """What a loader has left that had not all filters yet is loaded anew by the next one."""
    loader, _ = started(RULE)
    loader.hand_up()
    kept, held = dict(handed.KEPT), dict(handed.HELD)
    handed.KEPT.clear()
    handed.HELD.clear()
    copies = [{name: tuple(map(os.dup, those)) for name, those in one.items()} for one in (kept, held)]
    handed.inherit(*copies)
    successor = Loader({})
    try:
        successor.open(ask(config.parse({}), plan(RULE)))
        with pytest.raises(LoadAgain, match="not all filters"):
            successor.look()
    finally:
        successor.close()
        handed.HELD_BEFORE.clear()


def test_what_comes_first():
    """Of calls that are often made what is known early is tested at first, of others nothing."""
    needed = conditions(plan(MANY), Users())
    first, later = parted(needed)

    assert {"openat": up_to(needed["openat"], Point.MEMORY)} == first
    assert needed == later
    assert ["rmdir", "openat"] == [*later]


def test_few_rules():
    """Nothing comes later where that would be little."""
    needed = conditions(plan(RULE), Users())

    assert (needed, {}) == parted(needed)
