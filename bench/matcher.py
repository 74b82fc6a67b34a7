"""Measures the rules on a system call that no rule matches: nanoseconds of CPU time per event, by kind of call.

The events are records as the probe writes them, decoded only as far as the rules need, so the numbers include the
fields' getters as well as the matcher. For comparison: the same conditions evaluated one by one, as functions of their
own for the event's type (*linear*), and the tests' naive interpreter of the same conditions (*interpreter*).
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workload import handmade
from workload.handmade import Task

from falcohost.engine.code.module import compile_condition
from falcohost.engine.matcher import Matcher
from falcohost.engine.ruleset import Rule
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import load_plugins
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent
from falcohost_syscall.drivers.modern_ebpf.decoding.images import executed_image
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import CALL
from falcohost_syscall.events.event import Context, SyscallEvent
from falcohost_syscall.processes.table import Process
from falcohost_syscall.records import record as r

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = ROOT.parent / "shared/corpus/rules/falco_rules.yaml"

Make = Callable[[], SyscallEvent]
Ask = Callable[[SyscallEvent], object]


def rules_of(files: Sequence[str]) -> tuple[Rule, ...]:
    """Load *files* and return the enabled rules on system calls."""
    plugins = load_plugins(["syscall"])
    types = {name: spec.event_types for name, spec in plugins.sources().items() if spec.event_types}
    options = LoadOptions(event_types=types, plugins=plugins.stands_for())
    outcome = load_rules([read_file(file) for file in files], catalogs(plugins), options)
    problems = [problem.message for result in outcome.results for problem in result.errors]
    if problems:
        sys.exit(f"the rules do not load: {problems[0]}")
    return outcome.ruleset.enabled("syscall")


def processes() -> tuple[Context, Process]:
    """Return the tables of a source that knows a shell below sshd, and that shell."""
    context = handmade.context()
    parent = None
    for pid, name in enumerate(("systemd", "sshd", "sshd", "bash"), start=1):
        image = executed_image(b"", f"{name}\0-i\0".encode(), b"HOME=/root\0", f"/usr/bin/{name}".encode(), b"", 0)
        process = Process(pid, pid - 1, pid, 1000, name, 7, image)
        process.parent = parent
        context.table.task(process)
        parent = process
    assert parent is not None
    return context, parent


def kinds() -> dict[str, Make]:
    """Return what makes a fresh event, by what happens in it; none of them is what a rule looks for."""
    context, process = processes()
    task = Task(process.pid, start=process.start)

    def opened(path: bytes, flags: int) -> bytes:
        sections = {r.SEC_PATH: path, r.SEC_FD: handmade.fdinfo(), r.SEC_FDPATH: path}
        return handmade.call("openat", task, 3, (0xFFFFFF9C, 0, flags), sections)

    tcp = {r.SEC_SOCK: handmade.tcp(("10.0.0.1", 40000), ("10.0.0.2", 443))}
    records = {
        "open to read": opened(b"/usr/lib/x86_64-linux-gnu/libc.so.6", 0),
        "open to write": opened(b"/var/tmp/cache/some-file.db", 0o101),
        "open that fails": handmade.call("openat", task, -2, (0xFFFFFF9C, 0, 0), {r.SEC_PATH: b"/etc/nothing"}),
        "execve": handmade.execution(task, b"/usr/bin/bash", (b"bash", b"-i")),
        "connect": handmade.call("connect", task, 0, (3,), tcp),
        "unlinkat": handmade.call("unlinkat", task, 0, (0xFFFFFF9C, 0, 0), {r.SEC_PATH: b"/var/tmp/x"}),
        "getppid": handmade.call("getppid", task, 1),
    }

    def maker(data: bytes) -> Make:
        header = r.HEADER.unpack_from(data)
        return lambda: RecordEvent(CALLS[header[CALL] - 1], header, data, 1, process, context)

    return {name: maker(data) for name, data in records.items()}


def one_by_one(rules: Sequence[Rule]) -> Ask:
    """Return what asks the rules that are filed under the event's type, each by a function of its own."""
    compiled = [(rule, compile_condition(rule.condition)) for rule in rules]
    types = {name for rule in rules for name in rule.event_types or ()}
    filed = {
        name: [holds for rule, holds in compiled if rule.event_types is None or name in rule.event_types]
        for name in types
    }
    rest = [holds for rule, holds in compiled if rule.event_types is None]

    def ask(event: SyscallEvent) -> object:
        return next((True for holds in filed.get(event.type, rest) if holds(event)), None)

    return ask


def interpreted(rules: Sequence[Rule]) -> Ask:
    """Return what asks every rule by the tests' interpreter."""
    sys.path.insert(0, str(ROOT / "tests/engine"))
    from interpreter import evaluate  # type: ignore[import-not-found]

    return lambda event: next((rule for rule in rules if evaluate(rule.condition, event)), None)


def nanoseconds(ask: Ask, make: Make, events: int, rounds: int) -> float:
    """Return the median over *rounds* of what *ask* takes for one of *events* fresh events."""
    found = []
    for _ in range(rounds):
        fresh = [make() for _ in range(events)]
        start = time.process_time_ns()
        for event in fresh:
            ask(event)
        found.append((time.process_time_ns() - start) / events)
    return statistics.median(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=[str(PUBLIC)], help="rules files (the public stable rules)")
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rules = rules_of(options.files)
    matcher = Matcher(rules)
    start = time.process_time()
    for make in kinds().values():
        matcher.match(make())
    figures: dict[str, Any] = {"rules": len(rules), "first_events_ms": round((time.process_time() - start) * 1000, 1)}
    linear, slow = one_by_one(rules), interpreted(rules)
    gc.disable()
    print(
        f"{len(rules)} rules; the first event of each kind, {figures['first_events_ms']} ms; then nanoseconds an event"
    )
    print(f"{'':16} {'matcher':>9} {'linear':>9} {'interpreter':>12} {'matched':>8}")
    for name, make in kinds().items():
        fast = nanoseconds(matcher.match, make, options.events, options.rounds)
        by_one = nanoseconds(linear, make, options.events, options.rounds)
        naive = nanoseconds(slow, make, max(options.events // 50, 10), 3)
        matched = [rule.name for rule in matcher.match(make())]
        figures[name] = {"matcher_ns": round(fast), "linear_ns": round(by_one), "interpreter_ns": round(naive)}
        print(f"{name:16} {fast:9.0f} {by_one:9.0f} {naive:12.0f} {len(matched):8}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
