"""Runs a command under a live source of this machine, and sees the events of its processes that the rules could want.

The source is opened in this process, with the plan that the agent would have; so this takes the agent's rights.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from falcohost.engine.code.module import compile_values
from falcohost.engine.ir import And, Check, Expr, Not, Or
from falcohost.errors import ConfigError
from falcohost.events import Event, Plan, Source, WritingSource
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.libc import prctl
from falcohost.ruletests.runner import Runner

#: Most events of a command, and the nanoseconds for which it is watched after its end.
MOST: Final = 100_000
_QUIET: Final = 1_000_000_000

#: linux/prctl.h: processes whose parent ends become children of this one.
_SUBREAPER: Final = 36
#: The fields that say whose event it is.
_PID, _ABOVE = "proc.pid", "proc.apid"
#: Most other processes that a filter tells apart.
_OTHERS: Final = 200
#: So many ancestors of a process are known at least.
_KNOWN: Final = 7
_LOST: Final = (
    "events were lost meanwhile ({causes}), so that a test of the others would be worth little; run it again, with a "
    "command that does less, or with larger buffers: -o engine.modern_ebpf.buf_size_preset=8"
)
#: What a command sees of the environment: an environment has secrets, and rules may have it written.
_ENVIRONMENT: Final = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TERM", "TZ")


@dataclass(frozen=True, slots=True)
class Seen:
    """An event.

    :ivar written: how the source writes it; empty: that was not asked for.
    :ivar fired: the rules that fired on it.
    :ivar close: the checks that alone kept a rule from firing, as texts that tell them apart.
    """

    written: Mapping[str, Any]
    fired: Sequence[str]
    close: Sequence[str] = ()


def run_live(
    runner: Runner,
    settings: Mapping[str, Any],
    command: Sequence[str],
    folder: Path,
    closeness: Callable[[Sequence[Event]], Sequence[str]] | None = None,
) -> tuple[int, list[Seen]]:
    """Run *command* in *folder*; return its exit status, and the events of its processes.

    :param closeness: says of an event which checks alone keep a rule from firing. With it, events are written, and the
        source passes all events of these processes of the types that rules ask for, not only those that may match.
    :raises ConfigError: it cannot be run, or not all of its events could be seen.
    :raises SourceError: the source cannot be opened.
    """
    plan = _plan(runner, every=closeness is not None)
    source = runner.spec(DEFAULT_SOURCE).make(settings)
    if not isinstance(source, WritingSource):
        raise ConfigError(f"the source '{DEFAULT_SOURCE}', as it is configured, cannot write its events")
    prctl(_SUBREAPER, 1)
    source.open(plan, None)
    try:
        process = _start(command, folder)
        found = list(_seen(runner, source, process, closeness))
        if lost := {cause: count for cause, count in source.stats().dropped.items() if count}:
            raise ConfigError(_LOST.format(causes=", ".join(f"{cause}: {count:,}" for cause, count in lost.items())))
        return process.wait(), found
    finally:
        source.close()


def _plan(runner: Runner, *, every: bool) -> Plan:
    """Return the plan of the rules, for processes below this one; with *every*, for events that match no rule too."""
    plan, below = runner.compiled(DEFAULT_SOURCE).plan, _below(runner)
    asked = {(_PID, None), (_ABOVE, None)}
    return replace(
        plan,
        fields=plan.fields | {_PID, _ABOVE},
        condition=below if every or plan.condition is None else And((below, plan.condition)),
        by_type=plan.by_type and {name: fields | asked for name, fields in plan.by_type.items()},
    )


def _below(runner: Runner) -> Expr:
    """Return a condition that holds for all processes that will be below this one, and for hardly any other.

    The kernel decides it, and may know only the nearest ancestors of a process. So it also says who is not: whoever
    comes from another child of this process or of one above it, of which every seventh generation is named.
    """
    pid, above = (runner.ref(DEFAULT_SOURCE, name) for name in (_PID, _ABOVE))
    own, parents = os.getpid(), _parents()
    upwards = tuple(_upwards(own, parents))
    depths = {one: _depth(one, parents, upwards) for one in parents if one not in upwards}
    others = tuple(sorted(one for one, depth in depths.items() if depth % _KNOWN == 0))[:_OTHERS]
    return And(
        (
            Not(Check(pid, "in", (*others, *upwards))),
            Not(Check(above, "in", others)),
            Or((Check(above, "=", own), Not(Check(above, "in", upwards)))),
        )
    )


def _parents() -> dict[int, int]:
    """Return the parent of each process."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                stat = (folder / "stat").read_text(errors="replace")
                found[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    return found


def _upwards(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    """Yield a process and those above it."""
    while pid:
        yield pid
        pid = parents.get(pid, 0)


def _depth(pid: int, parents: Mapping[int, int], upwards: Sequence[int]) -> int:
    """Return how far a process is below a child of one of *upwards*, which is 0; -1: it is not below these."""
    for depth, above in enumerate(list(_upwards(pid, parents))[1:]):
        if above in upwards:
            return depth
    return -1


def _start(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        return subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=2)
    except (OSError, ValueError) as error:
        raise ConfigError(f"'{command[0]}' cannot be run: {getattr(error, 'strerror', error)}") from None


def _seen(
    runner: Runner,
    source: Source,
    process: subprocess.Popen[bytes],
    closeness: Callable[[Sequence[Event]], Sequence[str]] | None,
) -> Iterator[Seen]:
    assert isinstance(source, WritingSource)
    whose, rules = _Whose(runner), runner.compiled(DEFAULT_SOURCE)
    ended, count = 0, 0
    for batch in source.batches():
        last = 0
        for event in batch.events:
            last = event.ts
            if not whose.is_below(event):
                continue
            if batch.matched is not None:
                batch.matched(event)
            views = (event, *getattr(event, "alternatives", ())) if batch.views else (event,)
            fired = list(dict.fromkeys(rule.name for rule, _ in runner.fired(rules, views)))
            close = () if closeness is None else closeness(views)
            count += 1
            if count > MOST:
                raise ConfigError(f"the command causes more than {MOST:,} events that the rules ask for; do less in it")
            yield Seen(source.written(event) if fired or close else {}, fired, close)
        if batch.stored is not None:
            batch.stored()
        if not ended and process.poll() is not None:
            ended = time.time_ns()
        if ended and time.time_ns() > ended + _QUIET and (not last or last > ended + _QUIET):
            return  # nothing came any more, or what came happened later


class _Whose:
    """Tells the events of processes below this one."""

    def __init__(self, runner: Runner) -> None:
        refs = [runner.ref(DEFAULT_SOURCE, name) for name in (_PID, _ABOVE)]
        self._pid, self._above = compile_values(refs)
        self._own = os.getpid()

    def is_below(self, event: Event) -> bool:
        """Return whether the event is of such a process."""
        return self._pid(event) != self._own and self._own in (self._above(event) or ())
