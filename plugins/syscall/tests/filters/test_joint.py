"""Filters that several event types share: of each they say what its own filter says."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
import random_events
import random_processes
import random_rules
from random_cases import for_random_cases
from test_law import as_event, context, has_wanted_leaf  # noqa: F401 # a fixture

from falcohost import Plan
from falcohost.engine import ir
from falcohost.engine.code.module import compile_condition
from falcohost.engine.code.specialise import specialise
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import filters
from falcohost_syscall.drivers.modern_ebpf.filters import load
from falcohost_syscall.filters.condition import FALSE, TRUE, Condition, Point, Within, literals
from falcohost_syscall.filters.load import Loaded
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.kernel.sharing import Sharing
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown import joint as joining
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.joint import FAMILIES, joint, own, together
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.pushdown.plan import conditions

EVENTS = 25
#: Families of which there are random events.
SEVERAL = [found for names in FAMILIES if len(found := [one for one in names if one in random_events.EVENT_TYPES]) > 1]
RULES = " or ".join(
    f"(evt.type in (openat2, creat, open_by_handle_at) and fd.name = /a{n} and proc.aname[{n % 5}] != b{n})"
    for n in range(40)
)
#: The same, and more of two of these calls.
NEARLY = f"{RULES} or (evt.type = creat and evt.rawres = 5) or (evt.type = openat2 and evt.rawres = 7)"


def checked(condition):
    """Return a condition of a rule."""
    return check(parse(condition), random_events.CATALOG).expr


def plan(condition: str) -> Plan:
    """Return the plan for one rule."""
    expr = checked(condition)
    fields = frozenset(ref.field.name for ref in ir.fields(expr))
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), fields, condition=expr)


def asks_of_types(condition: Condition) -> bool:
    """Return whether it depends on the event's type."""
    tests = (literal.test for literal in literals(condition))
    return any(isinstance(test, Within) and test.number == joining._TYPE for test in tests)


def test_never_too_little(filter_bench, context, soak):  # noqa: F811
    """No event that a rule matches is left out by the joint filter, and what a filter of its own leaves out is."""
    tasks = random_processes.population(Random("joint"), context.table)
    counted: Counter[str] = Counter()

    def rule(random: Random) -> None:
        family = random.choice(SEVERAL)
        parts = [random_rules.condition(random, catalog=random_events.CATALOG) for _ in range(3)]
        types = [checked(f"evt.type in ({', '.join(random.sample(family, random.randint(1, 2)))})") for _ in parts]
        expr = ir.Or(tuple(ir.And((of, part)) for of, part in zip(types, parts, strict=True)))
        matches = compile_condition(expr)
        rows = [BY_NAME[name] for name in family]
        condition = necessary(expr, joining._decide(rows, context.users, {}))
        programs = filter_bench.load(condition)
        for name in family:
            alone = necessary(specialise(expr, name), decide(BY_NAME[name], context.users))
            projected = own(condition, name)
            assert not asks_of_types(projected)
            assert (alone == FALSE) == (projected == FALSE)
            loaded = filter_bench.load(alone)
            for _ in range(EVENTS if alone not in (TRUE, FALSE) else 1):
                record = random_events.event(random, name, tasks)
                event = as_event(record, context)
                wanted = any(map(matches, (event, *event.alternatives)))
                passed = filter_bench.passes(programs, record, event.proc)
                assert passed or not wanted or not has_wanted_leaf(condition, record), f"{expr}\n{condition}\n{event}"
                assert passed == filter_bench.passes(loaded, record, event.proc), f"{expr}\n{condition}\n{alone}"
                counted["left out"] += not passed
                counted["passed"] += passed
            filter_bench.unload(loaded)
        filter_bench.unload(programs)

    for_random_cases(soak(1500, 100), rule)
    print(counted)
    assert min(counted.values()) > 100


def test_what_is_joined():
    """Calls for which rules ask nearly the same are, in less than they take alone; others keep their own condition."""
    asked = plan(f"{NEARLY} or (evt.type = rename and fs.path.name = /c)")
    needed = conditions(asked, Users())
    (found,) = joint(asked, Users(), needed)

    assert ["openat2", "creat", "open_by_handle_at"] == found.names
    assert sum(1 for _ in literals(found.condition)) < 1.3 * sum(1 for _ in literals(needed["creat"]))
    assert {**dict.fromkeys(found.names, found.condition), "rename": needed["rename"]} == together(needed, [found])


@pytest.mark.parametrize("rule", ["evt.type = open and fd.name = /a", "evt.type = openat and fd.name = /a"])
def test_one_event_type(rule):
    """One that rules ask for alone has its own condition."""
    asked = plan(rule)

    assert [] == joint(asked, Users(), conditions(asked, Users()))


def test_rules_that_have_little_in_common():
    """What is no less together is not joined."""
    rules = "(evt.type = open and fd.name = /a and proc.name = b) or (evt.type = openat and fd.directory = /c)"
    asked = plan(rules)

    assert [] == joint(asked, Users(), conditions(asked, Users()))


class Place:
    """A place of filters that only counts."""

    class Kernel:
        """Loads nothing."""

        has_may_goto = True

        def __init__(self):
            self.loaded, self.closed = 0, []

        def program(self, code, kind=0, tracepoint=""):
            """Return the next number."""
            self.loaded += 1
            return self.loaded

        def close(self, descriptor):
            """Note it."""
            self.closed.append(descriptor)

        def hash(self, keys, size):
            """Return what is none."""
            return -1

        trie = hash

        def table(self, value):
            """Return what is none."""
            return -1

    def __init__(self):
        self.kernel = self.Kernel()

    def map_fd(self, name):
        """Return what is none."""
        return -1


def rows_of(loaded):
    """Return by program how many event types have it, without filters of folders."""
    return Counter(program for (name, place), program in loaded.programs.items() if place < 5 * 512)


def test_one_filter_for_all():
    """Event types with a joint condition have the same programs, at points where their own say something."""
    asked = plan(NEARLY)
    needed = conditions(asked, Users())
    place = Place()
    loaded = load(together(needed, joint(asked, Users(), needed)), place)
    alone = load(needed, Place())

    assert {1} == {*rows_of(alone).values()}
    assert {3} == {*rows_of(loaded).values()}
    assert loaded.programs.keys() >= alone.programs.keys()
    assert {*range(1, place.kernel.loaded + 1)} == {*loaded.programs.values(), *place.kernel.closed} - {-1}


def test_points_of_calls_that_are_seldom_made():
    """Their filters are asked at fewer points, and at the last one of all that is known."""
    rules = (f"(evt.type = {n} and fd.name = /{n} and proc.name = b and proc.pname = c)" for n in ("openat", "creat"))
    loaded = load(conditions(plan(" or ".join(rules)), Users()), Place())

    def points(name):
        row = BY_NAME[name].call
        return [place // 512 for _, place in loaded.programs if place % 512 == row and place < 5 * 512]

    assert [Point.OBJECT, Point.MEMORY, Point.PROCESS, Point.ANCESTORS] == points("openat")
    assert [Point.MEMORY, Point.ANCESTORS] == points("creat")


@pytest.mark.parametrize("also_alone", [False, True])
def test_a_joint_filter_that_would_be_weakened(monkeypatch, also_alone):
    """Then each event type has its own, unless all of these would be weakened, too."""
    asked = plan(NEARLY)
    needed = conditions(asked, Users())
    (found,) = joint(asked, Users(), needed)
    real = filters.compiled

    def compiled(one, *rest):
        found = real(one, *rest)
        return Loaded(found.programs, "too much") if asks_of_types(one) else found

    monkeypatch.setattr(filters, "_is_too_much", lambda *_: also_alone)
    monkeypatch.setattr(filters, "compiled", compiled)
    place = Place()
    loaded = load(together(needed, [found]), place)
    told = ["The filter of creat, open_by_handle_at, openat2 was weakened, so more events pass: too much"]

    assert (told if also_alone else []) == loaded.weaker
    assert load(needed, Place()).programs.keys() <= loaded.programs.keys()
    assert {3 if also_alone else 1} == {*rows_of(loaded).values()}
    assert {*range(1, place.kernel.loaded + 1)} == {*loaded.programs.values(), *place.kernel.closed} - {-1}


def test_what_is_too_much(bpf):
    """What the kernel is not asked to take whole can be told without asking it."""
    kernel = Sharing(Kernel(Library()))

    def told(rule):
        return filters._is_too_much(conditions(plan(rule), Users())["open"], kernel)

    searches = " or ".join(f"(fd.name contains /a{n} and proc.name = b{n})" for n in range(200))
    assert not told("evt.type = open and fd.name contains /a")
    assert told(f"evt.type = open and ({searches})")
