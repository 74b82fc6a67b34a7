"""Calls of another sort than rules ask for, by an argument, are left out before anything else is read of them."""

from __future__ import annotations

import itertools

import pytest
from watching import plan, run, seen

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.wanted import calls
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.sorts import ALL_SORTS, sort_bit, sorts
from falcohost_syscall.filters.condition import TRUE, All, Any, Condition, Literal, Within, negate, within
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.records.record import NO_ARG

#: The rule that made fcntl be collected, and its commands (include/uapi/asm-generic/fcntl.h).
RULE = "evt.type = fcntl and evt.arg.cmd in (F_DUPFD, F_DUPFD_CLOEXEC) and evt.rawres in (0, 1, 2)"
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
LOCKS = (5, 6, 7, 36, 37, 38)
VALUES = (0, 1, 2, 3, 5, 1030, 1 << 32, -1)


def sorts_of(text: str) -> tuple[int, int]:
    """Return which sorts of fcntl a rule asks for."""
    return sorts(conditions(plan(text), Users()).get("fcntl", TRUE))


def test_commands():
    """Of fcntl the usual commands are told apart from those that are asked for."""
    place, bits = sorts_of(RULE)

    assert place == 1
    assert all(bits >> sort_bit(command) & 1 for command in (F_DUPFD, F_DUPFD_CLOEXEC))
    assert not any(bits >> sort_bit(command) & 1 for command in (F_GETFD, F_SETFD, F_GETFL, F_SETFL, *LOCKS))


@pytest.mark.parametrize("text", ["evt.type = fcntl", "evt.type = fcntl and not evt.arg.cmd = F_DUPFD"])
def test_all(text):
    """Where any command may be wanted, or all but some, all go on."""
    assert sorts_of(text) == (NO_ARG, ALL_SORTS)


def holds(condition: Condition, values: tuple[int, ...]) -> bool:
    """Return whether a condition on arguments holds."""
    if isinstance(condition, Literal):
        test = condition.test
        place = next(place for place in range(4) if layout.argument(place).offset == test.number.offset)
        value = values[place] & (1 << 8 * test.number.size) - 1
        if test.number.signed and value >> 8 * test.number.size - 1:
            value -= 1 << 8 * test.number.size
        return condition.negated is not any(low <= value <= high for low, high in test.ranges)
    return (all if isinstance(condition, All) else any)(holds(item, values) for item in condition.items)


def test_law():
    """What a condition holds of is never of another sort."""
    numbers = [layout.argument(place, size, signed=size == 4) for place in (0, 1, 3) for size in (4, 8)]
    literals = [within(number, *ranges) for number in numbers for ranges in (((0, 0),), ((1, 2), (5, 5)), ((0, 1030),))]
    literals += [negate(literal) for literal in literals[::2]]
    literals += [within(number, (-1, -1)) for number in numbers if number.signed]
    found = 0
    for one, other in itertools.combinations(literals, 2):
        for condition in (All((one, other)), Any((one, other))):
            place, bits = sorts(condition)
            found += place != NO_ARG
            for values in itertools.product(VALUES, VALUES, (0,), VALUES[:3]):
                assert place == NO_ARG or not holds(condition, values) or bits >> sort_bit(values[place]) & 1
    assert found > 100


def test_only_where_nothing_is_kept():
    """What a hook has kept of a call is taken when it returns: such calls have no sorts."""
    with_hooks = [row for row in BY_NAME.values() if row.hooks]
    assert with_hooks
    for row in with_hooks:
        if row.numbers.get("x86_64"):
            needed = {row.name: Literal(Within(layout.argument(0), ((0, 0),)))}
            specs = calls(frozenset({row.name}), "x86_64", needed=needed)
            assert {spec.sort_arg for spec in specs.values()} == {NO_ARG}


SCRIPT = """
import fcntl
fd = os.open("/dev/null", os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_GETFL)
os.close(0)
assert fcntl.fcntl(fd, fcntl.F_DUPFD, 0) == 0
os.close(0)
fcntl.fcntl(fd, fcntl.F_SETFD, 1)
assert fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 0) == 0
"""


def test_told(watch):
    """What is asked for is told, and the rest left out in the kernel."""
    source = watch(RULE)

    assert ["fcntl /dev/null"] * 2 == seen(source, run(SCRIPT))
