"""Comparisons of texts in the kernel: constants of every length, few and many, are found exactly where they are."""

from __future__ import annotations

from random import Random

import pytest
import random_events
from workload.handmade import Task, call

from falcohost_syscall.facts import layout
from falcohost_syscall.filters.condition import TRUE, Literal, Point, Text
from falcohost_syscall.filters.weaken import LONG_TEXTS, forms
from falcohost_syscall.records import record as R

NAME = layout.view("name", Point.OBJECT)
SAYS = {
    "=": bytes.__eq__,
    "startswith": bytes.startswith,
    "endswith": bytes.endswith,
    "contains": bytes.__contains__,
    "icontains": lambda text, constant: constant in text.lower(),
}


def some_text(random: Random, length: int) -> bytes:
    """Return a text of this length that differs from others late, and early."""
    return b"/" + random.choice(b"ab").to_bytes() + b"x" * (length - 3) + random.choice(b"yz").to_bytes()


@pytest.mark.parametrize("op", SAYS)
@pytest.mark.parametrize("count", [1, 3, 20])
def test_constants_of_every_length(filter_bench, op, count):
    """A filter passes what one of its constants fits, and nothing else."""
    random, true = Random(f"{op}{count}"), 0
    for longest in (30, 248, 249, 256, 300, 1000):
        lengths = [longest, *(random.choice((4, 20, longest - 1, longest)) for _ in range(count - 1))]
        constants = frozenset(some_text(random, length) for length in lengths)
        programs = filter_bench.load(Literal(Text(NAME, op, constants)))
        for _ in range(30):
            constant = random.choice(sorted(constants))
            path = random.choice(
                (constant, b"/b" + constant, constant + b"c", constant[:-1] + b"!", b"/!" + constant[2:], b"/q", b"/")
            )
            sections = {R.SEC_FD: R.FDINFO.pack(42, 0o100644, 0, 0xEF53, 0, 0, 0), R.SEC_FDPATH: path}
            record = call("read", Task(4242, cgroup=random_events.HOST), 3, (3,), sections)
            expected = any(SAYS[op](path, constant) for constant in constants)
            true += expected
            unknown = len(path) > NAME.searched and op in ("contains", "icontains")

            assert filter_bench.passes(programs, record) is (expected or unknown), (constants, path)
        filter_bench.unload(programs)
    assert 20 < true < 150


def test_too_many_long_ones():
    """Constants that are compared one by one, and are too many for a program, are left to the engine."""
    most = LONG_TEXTS // 300
    texts = [b"/%d/" % number + b"x" * (300 - len(b"/%d/" % number)) for number in range(100, 101 + most)]
    kept, dropped = (Literal(Text(NAME, "=", frozenset(texts[:count]))) for count in (most, most + 1))

    assert kept == next(forms(kept))
    assert TRUE == next(forms(dropped))
