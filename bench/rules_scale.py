"""Measures the cost of more rules: events per second through the matcher, with 10 to 10,000 rules.

The rules are the public ones on system calls and varied copies of them (bench/workload/rules.py), the events a mixed
stream (bench/workload/events.py). For comparison: the same generated conditions, specialised to the event's type,
evaluated one by one (*linear*), and the tests' naive interpreter of the rules (*interpreter*). All three stop at the
first rule that matches. The numbers are CPU time, and include the fields' getters.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from matcher import ROOT, Ask, interpreted, rules_of
from workload.events import Make, stream
from workload.rules import varied_rules

from falcohost.engine.code.module import compile_condition
from falcohost.engine.code.specialise import FALSE, specialise
from falcohost.engine.matcher import Matcher
from falcohost.engine.ruleset import Rule
from falcohost_syscall.events.event import SyscallEvent

CORPUS = ROOT.parent / "shared/corpus/rules"
PUBLIC = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")


def linear(rules: Sequence[Rule]) -> Ask:
    """Return what asks the rules for the event's type one after the other, by generated functions."""
    compiled: dict[Any, Callable[[Any], bool]] = {}
    by_type: dict[str, list[Callable[[Any], bool]]] = {}

    def functions(event_type: str) -> list[Callable[[Any], bool]]:
        found = []
        for rule in rules:
            if rule.event_types is None or event_type in rule.event_types:
                condition = specialise(rule.condition, event_type)
                if condition != FALSE:
                    if condition not in compiled:
                        compiled[condition] = compile_condition(condition)
                    found.append(compiled[condition])
        return found

    def ask(event: SyscallEvent) -> object:
        known = by_type.get(event.type)
        if known is None:
            known = by_type[event.type] = functions(event.type)
        return next((True for holds in known if holds(event)), None)

    return ask


def microseconds(ask: Ask, makers: Sequence[Make], rounds: int) -> float:
    """Return the least over *rounds* of what *ask* takes for one event: whatever else runs here only adds to it."""
    found = []
    for _ in range(rounds):
        events = [make() for make in makers]
        start = time.process_time()
        for event in events:
            ask(event)
        found.append((time.process_time() - start) / len(events) * 1e6)
    return min(found)


def first_events(matcher: Matcher, makers: Sequence[Make]) -> dict[str, float]:
    """Return by event type the milliseconds that its first event takes."""
    taken: dict[str, float] = {}
    for make in makers:
        event = make()
        if event.type not in taken:
            start = time.process_time()
            matcher.match(event)
            taken[event.type] = (time.process_time() - start) * 1000
    return taken


def measure(rules: Sequence[Rule], makers: Sequence[Make], rounds: int) -> tuple[dict[str, float], Matcher]:
    """Return the figures of one ruleset, and its matcher."""
    start = time.process_time()
    matcher = Matcher(rules)
    made = (time.process_time() - start) * 1000
    first = first_events(matcher, makers)
    start = time.process_time()
    for make in makers:
        matcher.match(make())
    warm = (time.process_time() - start) * 1000
    gc.collect()
    gc.freeze()
    gc.disable()
    fast = microseconds(matcher.match, makers, rounds)
    by_one = linear(rules)
    few = makers[: max(len(makers) // 10, 20)]
    microseconds(by_one, few, 1)
    one = microseconds(by_one, few, 1 if len(rules) > 1000 else 3)
    naive = microseconds(interpreted(rules), makers[: max(min(len(makers), 200_000 // len(rules)), 20)], 1)
    gc.enable()
    asked = statistics.fmean(len(matcher.candidates(make())) for make in makers[:300])
    return {
        "matcher_us": fast,
        "linear_us": one,
        "interpreter_us": naive,
        "made_ms": made,
        "first_event_ms": max(first.values()),
        "first_pass_ms": warm,
        "candidates": asked,
    }, matcher


def report(matcher: Matcher, makers: Sequence[Make], most: int) -> None:
    """Print which rules are candidates most often, and for which the index does nothing."""
    asked: Counter[str] = Counter()
    events: Counter[str] = Counter()
    candidates: Counter[str] = Counter()
    by_name = {rule.name: rule for rule in matcher.rules}
    for make in makers:
        event = make()
        events[event.type] += 1
        found = matcher.candidates(event)
        candidates[event.type] += len(found)
        asked.update(rule.name for rule in found)
    print(f"\ncandidates by event type, {len(matcher.rules)} rules")
    for event_type, number in events.most_common():
        possible = sum(1 for rule in matcher.rules if rule.event_types is None or event_type in rule.event_types)
        mean = candidates[event_type] / number
        print(f"  {event_type:12} {number:5} events {possible:6} rules {mean:9.1f} candidates")
    print("rules that are candidates most often")
    for name, times in asked.most_common(most):
        types = sorted(by_name[name].event_types or ())
        kind = next((known for known in types if known in events), None)
        filed = str(matcher.filed(by_name[name], kind) or "no witness: asked always")
        print(f"  {times / len(makers):6.1%} of events  {name[:60]:60} {filed[:100]}")
    for event_type in events:
        without = [rule.name for rule in matcher.rules if _asked_always(matcher, rule, event_type)]
        if without:
            print(f"without a witness for {event_type}: {len(without)}, such as {', '.join(without[:4])}")


def _asked_always(matcher: Matcher, rule: Rule, event_type: str) -> bool:
    if rule.event_types is not None and event_type not in rule.event_types:
        return False
    return matcher.filed(rule, event_type) is None and specialise(rule.condition, event_type) != FALSE


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, nargs="*", default=[10, 100, 1000, 10000])
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=10, help="how many of the most frequent candidates to show")
    options = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit(f"the public rules are not there: {CORPUS}")
    public = rules_of([str(CORPUS / name) for name in PUBLIC])
    makers = stream(options.events)
    print(f"{len(public)} public rules; {options.events} events")
    print(
        f"{'rules':>6} {'matcher':>12} {'us':>7} {'linear us':>10} {'interpreter us':>15} {'candidates':>11}"
        f" {'made ms':>8} {'first event ms':>15} {'first pass ms':>14}"
    )
    figures: dict[str, dict[str, float]] = {}
    for count in options.rules:
        found, matcher = measure(varied_rules(public, count), makers, options.rounds)
        figures[str(count)] = {name: round(value, 2) for name, value in found.items()}
        print(
            f"{count:6} {1e6 / found['matcher_us']:10.0f}/s {found['matcher_us']:7.2f} {found['linear_us']:10.1f}"
            f" {found['interpreter_us']:15.0f} {found['candidates']:11.1f} {found['made_ms']:8.1f}"
            f" {found['first_event_ms']:15.1f} {found['first_pass_ms']:14.0f}",
            flush=True,
        )
    report(matcher, makers[:1000], options.most)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
