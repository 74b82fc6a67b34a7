"""Tests the statistics of rules, without and with a stream of events."""

from dataclasses import replace

from falcohost.engine.explain.trace import Reading, detached
from falcohost.rules.statistics import statistics
from falcohost.rules.statistics_events import StreamCosts

RULES = """
- list: unused
  items: [a]
- macro: unused_too
  condition: fd.num = 1
- macro: opens
  condition: evt.type in (open, openat)
- rule: wide
  desc: d
  condition: opens and proc.name = bash
  output: o
  priority: INFO
- rule: narrow
  desc: d
  condition: opens and proc.name = bash and fd.num = 2
  output: o
  priority: INFO
- rule: blind
  desc: d
  condition: evt.type = close and not fd.num = 3
  output: o
  priority: INFO
- rule: any type
  desc: d
  condition: proc.name = zsh
  output: o
  priority: INFO
- rule: never
  desc: d
  condition: evt.type = close and evt.num = 0
  output: o
  priority: INFO
- rule: off
  desc: d
  condition: evt.type = dup
  output: o
  priority: INFO
  enabled: false
- rule: other source
  desc: d
  condition: okta.actor.name = a
  output: o
  priority: INFO
  source: okta
"""


def test_statistics(load):
    """Rules are counted per source and event type; what helps nobody is named."""
    found = statistics(load(RULES))
    syscall, okta = found.sources

    assert ("syscall", "okta") == (syscall.source, okta.source)
    assert ["wide", "narrow", "blind", "any type", "never"] == [rule.name for rule in syscall.enabled]
    assert 1 == syscall.disabled
    assert {"open": 2, "openat": 2, "close": 1} == syscall.by_type
    assert (1, 1) == (syscall.of_any_type, okta.of_any_type)
    assert [("narrow", "wide")] == [(one.rule.name, one.by.name) for one in syscall.shadowed]
    assert [("blind", ("close",))] == [(one.rule.name, one.types) for one in syscall.without_witness]
    assert ["never"] == [rule.name for rule, _ in syscall.never]
    assert [("macro", "unused_too", 4), ("list", "unused", 2)] == [
        (one.kind, one.name, one.line) for one in found.unused
    ]


def test_a_rule_of_any_type_without_a_witness(load):
    """A rule that names no event type and has no witness is asked of everything."""
    rules = "- rule: r\n  desc: d\n  condition: not proc.name = a\n  output: o\n  priority: INFO\n"
    (source,) = statistics(load(rules)).sources

    assert [("r", None)] == [(one.rule.name, one.types) for one in source.without_witness]


def test_a_stream(load):
    """Of a stream is told how many rules were asked, what they took and how often they matched, first or not."""
    outcome = load(RULES)
    rules = [replace(rule, condition=detached(rule.condition)) for rule in outcome.ruleset.enabled("syscall")]
    costs = StreamCosts(rules)
    for number in (1, 2):
        costs.take(happening("open", "bash", number))
    costs.take(happening("close", "ash", 4))
    by_name = costs.costs

    assert (3, 3) == (costs.events, costs.matching)
    assert (2, 2, 2) == (by_name["wide"].asked, by_name["wide"].matches, by_name["wide"].reported)
    assert (1, 0) == (by_name["narrow"].matches, by_name["narrow"].reported)
    assert (1, 1) == (by_name["blind"].asked, by_name["blind"].matches)
    assert costs.candidates >= 5 >= 3 >= costs.most - 1
    assert by_name["wide"].total >= by_name["wide"].median > 0
    assert 0 == by_name["never"].median


def happening(event_type, name, number):
    """Return an event that has a type, the name of a process and the number of a descriptor."""
    values = {("evt.type", None): event_type, ("proc.name", None): name, ("fd.num", None): number}
    return Reading(values, type=event_type)
