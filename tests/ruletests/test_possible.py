"""Which answers of checks can decide: what is proved impossible, and what is left open."""

from types import ModuleType

import pytest

from falcohost import hookimpl
from falcohost.rules.outline import outline
from falcohost.ruletests.conditions import Compiled, Condition
from falcohost.ruletests.looked_up import LookedUp
from falcohost.ruletests.possible import Possible
from falcohost.testing.rule_tests import _loaded
from falcohost_syscall import plugin

OPENS = "evt.type in (open, openat, openat2, open_by_handle_at, creat)"
WRITTEN = f"{OPENS} and (evt.is_open_write = true or evt.type = creat)"


def _with_rules(path):
    """Return the plugin with other rules."""
    hooks = {name: found for name, found in vars(plugin).items() if name.startswith("falcohost_")}
    made = ModuleType("with_rules")
    vars(made).update(hooks, falcohost_rules=hookimpl(lambda: [path], specname="falcohost_rules"))
    return made


@pytest.fixture
def impossible(tmp_path):
    """Return a function that returns the answers of checks of a condition that are proved impossible."""

    def impossible(condition):
        path = tmp_path / "rules.yaml"
        path.write_text(f"- rule: r\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  priority: INFO\n")
        loaded = _loaded(_with_rules(path), ())
        definition = next(one.definition for one in loaded.outcome.compiled.rules)
        found = Condition(outline(definition, loaded.outcome, loaded.catalogs["syscall"]), Compiled(), LookedUp())
        spec = loaded.sources["syscall"]
        possible = Possible(spec.event_types, spec.certain())
        return [
            (number, answer)
            for number, node in enumerate(found.checks)
            for answer in (True, False)
            if not possible.decides(found, node, answer=answer)
        ]

    return impossible


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("evt.type = mount and evt.arg.dev = x", [(0, False)]),
        ("evt.type = bpf and evt.arg.cmd = BPF_PROG_LOAD", [(0, False)]),
        (WRITTEN, [(0, False)]),
        ("evt.type = unlink and evt.rawres = 0 and fs.path.name = /x", [(1, False)]),
        ("evt.type in (open, openat) and fd.num >= 0 and fd.filename = x", [(1, False)]),
        ("evt.type = open_by_handle_at and fd.num >= 0 and fd.name = /x", [(1, False)]),
        ("evt.type = dup and (fd.name = /a/b or fd.name startswith /a/)", [(1, True)]),
        ("evt.type = dup and fd.name in (/a/b, /c) and not fd.name startswith /d", [(2, True)]),
        ("evt.type = dup and fd.name startswith /a and not fd.name startswith anyof (/b, /c)", [(2, True)]),
        ("evt.type = dup and proc.name = x and not (user.uid = 0 and proc.name = y)", [(2, False), (3, True)]),
    ],
)
def test_proved(impossible, condition, expected):
    """A side that nothing can have is found, by the types of events, by what a value implies, or by other checks."""
    found = impossible(condition)

    assert set(expected) <= set(found)


@pytest.mark.parametrize(
    "condition",
    [
        "evt.type in (open, openat) and fd.num >= 0 and fd.name = /x",
        "evt.type = mkdir and proc.name = x and not user.uid = 0 and evt.rawres = 0",
        "evt.type in (dup, dup2) and fd.name startswith /a and not fd.name endswith /b",
        "evt.type in (dup, dup2) and (fd.name = /a or proc.name = x)",
    ],
)
def test_left_open(impossible, condition):
    """A side that some event may have is never said to be impossible."""
    assert [] == impossible(condition)
