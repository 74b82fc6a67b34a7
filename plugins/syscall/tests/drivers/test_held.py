"""How many descriptors an agent holds of its probe: no more than go up, however many calls rules ask for."""

from __future__ import annotations

import contextlib
import os

from falcohost import kept
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf.attach.at_functions import MOST, chosen
from falcohost_syscall.drivers.modern_ebpf.loader import within
from falcohost_syscall.drivers.modern_ebpf.probe import PROGRAMS
from falcohost_syscall.records.record import COMPAT_BASE, WANT_ENTERED, CallSpec

RULES = """
- rule: Anything
  desc: A file that is not there has any call at all.
  condition: fd.name = {folder}/nothing or evt.arg.name = {folder}/nothing
  output: asked for (type=%evt.type)
  priority: NOTICE
"""


def test_calls_at_functions():
    """Of many calls those are at functions whose arguments are compared, then those that were; 32-bit ones go along."""
    few = {number: CallSpec(1, 0) for number in (0, 1, COMPAT_BASE)}
    many = {number: CallSpec(1, WANT_ENTERED if number == 299 else 0) for number in range(300)}
    compat = {COMPAT_BASE + number: CallSpec(1, 0) for number in range(300)}

    assert {0, COMPAT_BASE} == chosen(few, {1}, set())
    assert {*compat, *range(MOST - 2), 298, 299} == chosen(many | compat, set(), {298})


def test_what_is_held():
    """What the probe depends on is held whole; of the programs, as many as there is room for."""
    held = {"maps": range(100), "links": range(100), PROGRAMS: range(200)}

    assert held | {PROGRAMS: range(kept.MOST_KEPT - 210)} == within(held, 10)
    assert held | {PROGRAMS: range(0)} == within(held | {"maps": range(100)}, kept.MOST_KEPT)


def test_a_rule_on_all_calls(start_agent, open_folder):
    """With a rule that asks for all calls and the public ones, the agent starts and tells of an open."""
    folder = open_folder / "all"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES.format(folder=folder))
    agent = start_agent(folder / "rules.yaml")

    with contextlib.suppress(FileNotFoundError):
        os.open(f"{folder}/nothing", os.O_RDONLY)

    wait_until(lambda: [one for one in agent.alerts if one["rule"] == "Anything"], lambda: agent.log)
