"""Tests of several ancestors in one loop: the kernel finds among them what the fields say."""

from __future__ import annotations

from random import Random

import pytest
import random_events
import random_processes
from test_law import as_event
from workload import handmade

from falcohost.engine.code.module import compile_condition
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.filters.condition import Any, literals
from falcohost_syscall.filters.factor import factored
from falcohost_syscall.filters.series import Series, in_series
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary

FEW = "in (/usr/bin/bash, /x)"
MANY = "in (/usr/bin/bash, /1, /2, /3, /4, /5, /6, /7, /8, /9)"
FORMS = {
    "few": " or ".join(f"proc.aexepath[{place}] {FEW}" for place in range(1, 8)),
    "many": " or ".join(f"proc.aexepath[{place}] {MANY}" for place in range(1, 8)),
    "none of few": " and ".join(f"not proc.aexepath[{place}] {FEW}" for place in range(1, 8)),
    "none of many": " and ".join(f"not proc.aexepath[{place}] {MANY}" for place in range(1, 8)),
    "some of them": " or ".join(f"proc.aexepath[{place}] {MANY}" for place in range(2, 6)),
    "beginnings": " or ".join(f"proc.aexepath[{place}] startswith /usr/" for place in range(1, 8)),
}


def of(text: str):
    """Return what rules with this condition match, and what is necessary for it."""
    expr = check(parse(text), random_events.CATALOG).expr
    return compile_condition(expr), necessary(expr, decide(BY_NAME["openat"], Users()))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loops", [True, False], ids=["may_goto", "without"])
def test_ancestors(filter_bench, monkeypatch, form, loops):
    """A loop over ancestors lets pass all events that the rule matches, and leaves out the others that it knows."""
    if loops and not filter_bench.kernel.has_may_goto:
        pytest.skip("the kernel has no may_goto")
    monkeypatch.setattr(filter_bench.kernel, "has_may_goto", loops)
    context, random = handmade.context(), Random(form)
    tasks = random_processes.population(random, context.table)
    matches, condition = of(FORMS[form])
    programs = filter_bench.load(condition)
    wanted = left_out = 0
    for task in tasks:
        record = random_events.event(random, "openat", [task])
        event = as_event(record, context)
        passed = filter_bench.passes(programs, record, event.proc)
        wanted += matches(event)
        left_out += not passed

        assert passed or not matches(event)
    filter_bench.unload(programs)
    assert wanted
    assert left_out


def test_one_loop_for_each_list():
    """Tests of the same list in several ancestors are one series, whichever order they are in."""
    condition = factored(of(f"({FORMS['beginnings']}) or proc.exepath = /y or ({FORMS['some of them']})")[1])
    assert isinstance(condition, Any)
    items = [*condition.items]
    Random(1).shuffle(items)
    found = sorted(one.texts for one in in_series(items) if isinstance(one, Series))

    assert [4, 7] == found
    assert len([*literals(condition)]) == sum(found) + len([*in_series(items)]) - len(found)
