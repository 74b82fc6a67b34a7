"""A running agent's numbers at one moment: its sources, its outputs, its store, its processes.

Made on request (:mod:`falcohost.host.control`, :mod:`falcohost.host.health`) and read by ``falcohost stats``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from falcohost import counters
from falcohost.host.numbers import ActionNumbers, Numbers, OutputNumbers, ProcessNumbers, ProgramNumbers, StoreNumbers
from falcohost.host.restart import age, begun
from falcohost.host.supervision.child import Child


class SourceState(msgspec.Struct, frozen=True):
    """The state of one source, over all of its workers.

    :ivar state: ``open``, ``starting``, ``stalled``, ``down`` (waiting to be started again) or ``ended``.
    :ivar error: why it is down or stalled.
    :ivar seconds: how long it has had a worker, in total.
    :ivar at: when the numbers were taken, in seconds of the monotonic clock.
    :ivar measuring: the cost of events is being measured, if the source can.
    :ivar lag: seconds by which its worker is behind with reading; None: the source does not say.
    """

    name: str
    state: str
    error: str
    restarts: int
    seconds: float
    at: float
    measuring: bool
    lag: float | None = None


class SourceSnapshot(msgspec.Struct, frozen=True):
    """The state and the numbers of one source; in JSON they form one object."""

    state: SourceState
    numbers: Numbers

    def since(self, before: SourceSnapshot) -> SourceSnapshot:
        """Return the snapshot with the counts since *before*."""
        return SourceSnapshot(self.state, counters.since(before.numbers, self.numbers))

    def as_json(self) -> dict[str, object]:
        """Return it as it appears in JSON."""
        return _as_json(self)


class OutputState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of one output or other subscriber.

    :ivar busy: seconds that the current delivery has taken.
    :ivar kind: ``output`` or ``subscriber``.
    :ivar lag: seconds for which the first alert that waits for it has been waiting; 0: none is.
    :ivar mark: number of the last alert that it has taken, or that is not for it.
    """

    name: str
    busy: float
    kind: str = "output"
    lag: float = 0.0
    mark: int = 0


class OutputSnapshot(msgspec.Struct, frozen=True):
    """The state and the numbers of one output or other subscriber; in JSON they form one object."""

    state: OutputState
    numbers: OutputNumbers


class StoreState(msgspec.Struct, frozen=True):
    """The state of the store.

    :ivar kept: alerts are stored on disk.
    :ivar size: bytes of its files.
    """

    kept: bool
    size: int = 0


class StoreSnapshot(msgspec.Struct, frozen=True):
    """The state and the numbers of the store; in JSON they form one object."""

    state: StoreState
    numbers: StoreNumbers


class ProcessState(msgspec.Struct, frozen=True):
    """Which process it is.

    :ivar process: ``supervisor``, ``store``, ``outputs``, ``health``, ``actions``, ``responses``, ``worker`` or
        ``loader``.
    :ivar source: the source of a worker or loader; empty for others.
    """

    process: str
    pid: int
    source: str = ""


class ProcessSnapshot(msgspec.Struct, frozen=True):
    """The state and the numbers of one process; in JSON they form one object."""

    state: ProcessState
    numbers: ProcessNumbers


class ActionState(msgspec.Struct, frozen=True):
    """The state of one action; *stopped*: all are stopped by a command."""

    name: str
    stopped: bool = False


class ActionSnapshot(msgspec.Struct, frozen=True):
    """The state and the numbers of one action; in JSON they form one object."""

    state: ActionState
    numbers: ActionNumbers


class ProgramState(msgspec.Struct, frozen=True):
    """Which program in the kernel it is.

    :ivar at: the tracepoint that calls it; empty: something else does.
    """

    name: str
    at: str = ""


class ProgramSnapshot(msgspec.Struct, frozen=True):
    """A program in the kernel, and what it has taken; in JSON they form one object."""

    state: ProgramState
    numbers: ProgramNumbers


class Snapshot(msgspec.Struct, frozen=True):
    """The numbers of the whole agent, *seconds* after its start.

    :ivar started: when that was, in nanoseconds since 1970; it stays the same.
    :ivar span: the sources' counts cover this many seconds; None: since the start.
    :ivar programs: the programs in the kernel, which the command measures, not the agent.
    """

    version: str
    pid: int
    seconds: float
    sources: list[SourceSnapshot]
    outputs: list[OutputSnapshot]
    store: StoreSnapshot
    processes: list[ProcessSnapshot] = []
    actions: list[ActionSnapshot] = []
    span: float | None = None
    started: int = 0
    programs: list[ProgramSnapshot] = []

    def since(self, before: Snapshot) -> Snapshot:
        """Return the snapshot with the sources' counts since *before*."""
        known = {source.state.name: source for source in before.sources}
        pairs = [(known.get(source.state.name), source) for source in self.sources]
        sources = [now if then is None else now.since(then) for then, now in pairs]
        spans = [now.state.at - then.state.at for then, now in pairs if then is not None]
        return msgspec.structs.replace(self, sources=sources, span=max(spans, default=self.seconds - before.seconds))

    def as_json(self) -> object:
        """Return it as it appears in JSON."""
        names = ("sources", "outputs", "processes", "actions", "programs")
        parts = {name: [*map(_as_json, getattr(self, name))] for name in names}
        return msgspec.to_builtins({**msgspec.structs.asdict(self), **parts, "store": _as_json(self.store)})


def encode(snapshot: Snapshot) -> bytes:
    """Return the line of JSON that :func:`decode` reads."""
    return msgspec.json.encode(snapshot.as_json()) + b"\n"


def decode(line: bytes) -> Snapshot:
    """Return the snapshot that :func:`encode` wrote.

    :raises msgspec.DecodeError: an agent of another version wrote it.
    """
    return msgspec.convert(_with_parts(msgspec.json.decode(line)), Snapshot)


def _as_json(
    part: SourceSnapshot | OutputSnapshot | ProcessSnapshot | ActionSnapshot | ProgramSnapshot | StoreSnapshot,
) -> dict[str, object]:
    """Return state and numbers as one object."""
    return {**msgspec.to_builtins(part.state), **counters.as_json(part.numbers)}


def _with_parts(data: Any) -> Mapping[str, Any]:
    """Return *data* with the state and the numbers of each source, output and process and of the store separated."""
    found = msgspec.convert(data, dict[str, Any])
    lists: dict[str, type[msgspec.Struct]] = {
        "sources": Numbers,
        "outputs": OutputNumbers,
        "processes": ProcessNumbers,
        "actions": ActionNumbers,
        "programs": ProgramNumbers,
    }
    parts: dict[str, Any] = {
        name: [_parted(one, of) for one in msgspec.convert(found.get(name, []), list[dict[str, Any]])]
        for name, of in lists.items()
    }
    return found | parts | {"store": _parted(msgspec.convert(found.get("store"), dict[str, Any]), StoreNumbers)}


def _parted(one: Mapping[str, Any], of: type[msgspec.Struct]) -> Mapping[str, object]:
    return {"state": one, "numbers": counters.from_json(one, of)}


def snapshot(
    version: str,
    children: Iterable[Child],
    outputs: list[OutputSnapshot],
    store: StoreSnapshot,
    processes: Iterable[ProcessSnapshot],
    actions: Iterable[ActionSnapshot] = (),
) -> Snapshot:
    """Return the current numbers of an agent of this *version*, which are up to a second old."""
    return Snapshot(
        version,
        os.getpid(),
        age(),
        [source_snapshot(child) for child in children],
        outputs,
        store,
        [*processes],
        [*actions],
        started=begun(),
    )


def source_snapshot(child: Child) -> SourceSnapshot:
    """Return the state and numbers of the source whose worker is *child*."""
    state = SourceState(
        child.name,
        _state(child),
        child.error or child.stalled,
        max(child.lives - 1, 0),
        child.seconds,
        child.report.at or time.monotonic(),
        child.report.measuring,
        _lag(child),
    )
    return SourceSnapshot(state, child.totals)


def _lag(child: Child) -> float | None:
    """Return by how many seconds the events that the worker has all read are older than its report."""
    heard = child.report.heard
    return None if heard is None else max(child.report.at - heard.complete / 1e9, 0.0)


def _state(child: Child) -> str:
    if child.ended:
        return "ended"
    if child.alive:
        return "stalled" if child.stalled else "open" if child.ready else "starting"
    return "down"
