"""The agent's numbers as points: a name, labels and a value each, from the declarations of the counters.

``/metrics``, the snapshots of Falco's block ``metrics`` and docs/metrics.md come from them, so that a new counter is in
all three without another line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from falcohost.counters import Counter, Over, Shape, Unit, counters
from falcohost.host.numbers import ActionNumbers, Numbers, OutputNumbers, ProcessNumbers, StoreNumbers
from falcohost.host.snapshot import ProcessSnapshot, Snapshot, SourceSnapshot

#: What each part is called in names: the struct of its numbers, its labels, and the key of the block ``metrics``
#: that switches them off.
PARTS: Final[Mapping[str, tuple[type[msgspec.Struct], tuple[str, ...], str]]] = {
    "source": (Numbers, ("source",), "kernel_event_counters_enabled"),
    "output": (OutputNumbers, ("output", "kind"), "state_counters_enabled"),
    "store": (StoreNumbers, (), "state_counters_enabled"),
    "action": (ActionNumbers, ("action",), "state_counters_enabled"),
    "process": (ProcessNumbers, ("process", "source"), "resource_utilization_enabled"),
}

# Counters of sources that another key of the block switches off.
_OTHERS: Final = {
    "rules": "rules_counters_enabled",
    "lookups": "plugins_metrics_enabled",
    "turned_away": "plugins_metrics_enabled",
    "unwanted": "libbpf_stats_enabled",
}
_COSTS: Final = ("timed", "ns", "worked", "read_ns", "match_ns")

_SUFFIXES: Final = {Unit.BYTES: "bytes", Unit.SECONDS: "seconds", Unit.NANOSECONDS: "seconds", Unit.SHARE: "ratio"}


class Metric(Struct, frozen=True):
    """What a name stands for.

    :ivar name: without ``falcohost_``, with its unit, and with ``_total`` if it only rises.
    :ivar labels: the names of its labels.
    :ivar rises: it only rises.
    :ivar key: the key of the block ``metrics`` that switches it off; empty: nothing does.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    rises: bool = False
    key: str = ""


class Point(Struct, frozen=True):
    """One value: *labels* are in the order of the metric's."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


#: What is no counter: the states of the agent and of its parts.
INFO: Final = Metric("info", "the version of the agent; always 1", ("version",))
UPTIME: Final = Metric("uptime_seconds", "seconds since the agent was started")
UP: Final = Metric("source_up", "1 if the source is open, or has ended as it should; else 0", ("source",))
STARTS: Final = Metric("source_restarts_total", "how often its worker was started again", ("source",), rises=True)
LAG: Final = Metric("source_lag_seconds", "seconds by which its worker is behind with reading, if known", ("source",))
WAITS: Final = Metric(
    "output_lag_seconds", "seconds for which the first alert that waits for it has been waiting", ("output", "kind")
)
SIZE: Final = Metric("store_size_bytes", "size of the files of the store")
BUSY: Final = Metric("output_busy_seconds", "seconds that the current delivery has taken", ("output", "kind"))
KEPT: Final = Metric("store_kept", "1 if alerts are stored on disk, 0 if in memory only")
STOPPED: Final = Metric("actions_stopped", "1 if all actions are stopped by a command", ())
STATES: Final = (INFO, UPTIME, UP, STARTS, LAG, BUSY, WAITS, KEPT, SIZE, STOPPED)


def metrics() -> Iterator[Metric]:
    """Yield everything that there may be, in order."""
    yield from STATES
    for part, (of, labels, key) in PARTS.items():
        for _, metric in _metrics(part, of, labels, key):
            yield metric


def points(snapshot: Snapshot) -> Iterator[Point]:
    """Yield all points of *snapshot*."""
    yield Point(INFO, (snapshot.version,), 1.0)
    yield Point(UPTIME, (), snapshot.seconds)
    for source in snapshot.sources:
        yield from _states(source)
        yield from _numbers("source", source.numbers, (source.state.name,))
    for output in snapshot.outputs:
        yield Point(BUSY, (output.state.name, output.state.kind), output.state.busy)
        yield Point(WAITS, (output.state.name, output.state.kind), output.state.lag)
        yield from _numbers("output", output.numbers, (output.state.name, output.state.kind))
    yield Point(KEPT, (), float(snapshot.store.state.kept))
    yield Point(SIZE, (), float(snapshot.store.state.size))
    yield from _numbers("store", snapshot.store.numbers, ())
    if snapshot.actions:
        yield Point(STOPPED, (), float(snapshot.actions[0].state.stopped))
    for action in snapshot.actions:
        yield from _numbers("action", action.numbers, (action.state.name,))
    for numbers, labels in _processes(snapshot.processes):
        yield from _numbers("process", numbers, labels)


def _states(source: SourceSnapshot) -> Iterator[Point]:
    state = source.state
    yield Point(UP, (state.name,), float(state.state in ("open", "ended")))
    yield Point(STARTS, (state.name,), float(state.restarts))
    if state.lag is not None:
        yield Point(LAG, (state.name,), state.lag)


def _processes(found: list[ProcessSnapshot]) -> Iterator[tuple[ProcessNumbers, tuple[str, str]]]:
    """Yield the numbers of processes; those with the same job, as two loaders for a moment, are one."""
    known = {(one.state.process, one.state.source): one.numbers for one in found}
    yield from ((numbers, labels) for labels, numbers in known.items())


def _numbers(part: str, numbers: msgspec.Struct, labels: tuple[str, ...]) -> Iterator[Point]:
    of, names, key = PARTS[part]
    for path, metric in _metrics(part, of, names, key):
        counter, *below = path
        value = getattr(numbers, counter.name)
        if counter.shape is Shape.NUMBER:
            yield Point(metric, labels, _scaled(counter, value))
        elif counter.shape is Shape.BY_NAME:
            yield from (Point(metric, (*labels, name), _scaled(counter, one)) for name, one in value.items())
        else:
            inner = below[0]
            for name, row in value.items():
                yield Point(metric, (*labels, name), _scaled(inner, getattr(row, inner.name)))


def _metrics(
    part: str, of: type[msgspec.Struct], labels: tuple[str, ...], key: str
) -> Iterator[tuple[tuple[Counter, ...], Metric]]:
    """Yield the counters of a part, each with those of its rows, and what they are called."""
    for counter in counters(of):
        if counter.json is None or counter.shape is Shape.SENTENCES:
            continue
        own = _OTHERS.get(counter.name, key)
        if counter.of is None:
            named = (*labels, counter.label) if counter.shape is Shape.BY_NAME else labels
            yield (counter,), _metric(f"{part}_{counter.json}", counter, named, own)
            continue
        for inner in counters(counter.of):
            metric = _metric(
                f"{part}_{counter.json}_{inner.json}",
                _of_row(counter, inner),
                (*labels, counter.label),
                "libbpf_stats_enabled" if inner.name in _COSTS else own,
            )
            yield (counter, inner), metric


def _of_row(table: Counter, inner: Counter) -> Counter:
    """Return *inner*, which says of which table it is if another has the same rows."""
    return inner if table.text is not None else msgspec.structs.replace(inner, help=f"{table.help}: {inner.help}")


def _metric(name: str, counter: Counter, labels: tuple[str, ...], key: str) -> Metric:
    if counter.unit is Unit.NANOSECONDS:
        name = name.removesuffix("_ns")
    unit, rises = _SUFFIXES.get(counter.unit), counter.over is Over.SUM
    full = "_".join([name, *([unit] if unit else []), *(["total"] if rises else [])])
    return Metric(full, counter.help, labels, rises, key)


def _scaled(counter: Counter, value: Any) -> float:
    return float(value) / 1e9 if counter.unit is Unit.NANOSECONDS else float(value)
