"""What a running agent says of itself in numbers: its sources, by event type; its outputs; its store.

It is made when somebody asks (:mod:`falcohost.host.control`), and read by ``falcohost stats``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import Self

import msgspec

from falcohost.events import TypeCount
from falcohost.host.child import Child
from falcohost.host.restart import age
from falcohost.host.version import falcohost_version
from falcohost.outputs.channel import Channel
from falcohost.store.store import Store


class _Counts(msgspec.Struct, frozen=True):
    """Numbers of which each only rises."""

    def since(self, before: Self) -> Self:
        """Return what has come to *before*."""
        return type(self)(*(getattr(self, name) - getattr(before, name) for name in self.__struct_fields__))


class TypeNumbers(_Counts, frozen=True):
    """The events of one type: a :class:`~falcohost.events.TypeCount`, and what rules made of them.

    :ivar matched: how often one matched a rule; *unmatched*: how many were passed on, and matched none.
    """

    seen: int = 0
    filtered: int = 0
    passed: int = 0
    matched: int = 0
    unmatched: int = 0
    lost: int = 0
    timed: int = 0
    ns: int = 0

    @property
    def cost(self) -> float:
        """Return what all of them took where events are born, in nanoseconds, as far as it was measured."""
        return self.ns * max(self.seen / self.timed, 1) if self.timed else 0.0


class RuleNumbers(_Counts, frozen=True):
    """How often a rule *matched*, and how many of those are *folded*: counted in the alert of another."""

    matched: int = 0
    folded: int = 0


class SourceNumbers(msgspec.Struct, frozen=True):
    """One source, over all lives of its worker.

    :ivar state: ``open``, ``starting``, ``down`` (it is started again in a moment) or ``ended``.
    :ivar error: why it is down.
    :ivar at: when the numbers were taken, in seconds of the monotonic clock.
    :ivar measuring: what events cost is measured now, if the source can.
    :ivar failed: events on which a rule could not be evaluated.
    :ivar unwanted: what was met, while it was measured, that no rule wants, by the source's own names.
    :ivar rules: those that matched.
    :ivar fill: how full each buffer before the source was lately, from 0 to 1.
    :ivar notes: what the source says of itself, in sentences.
    """

    name: str
    state: str
    error: str
    restarts: int
    seconds: float
    at: float
    measuring: bool
    received: int
    passed: int
    filtered: int
    weakened: int
    failed: int
    lost: dict[str, int]
    fill: dict[str, float]
    notes: tuple[str, ...]
    types: dict[str, TypeNumbers]
    unwanted: dict[str, TypeNumbers]
    rules: dict[str, RuleNumbers]

    def since(self, before: SourceNumbers) -> SourceNumbers:
        """Return what has come to *before*."""
        counted = ("received", "passed", "filtered", "failed")
        return msgspec.structs.replace(
            self,
            **{name: getattr(self, name) - getattr(before, name) for name in counted},
            lost={cause: count - before.lost.get(cause, 0) for cause, count in self.lost.items()},
            types={name: kind.since(before.types.get(name, TypeNumbers())) for name, kind in self.types.items()},
            unwanted={
                name: kind.since(before.unwanted.get(name, TypeNumbers())) for name, kind in self.unwanted.items()
            },
            rules={name: rule.since(before.rules.get(name, RuleNumbers())) for name, rule in self.rules.items()},
        )


class OutputNumbers(msgspec.Struct, frozen=True):
    """One output: *waiting* alerts, those that nobody will deliver any more, and for how long it has been busy."""

    name: str
    waiting: int
    dropped: int
    busy: float


class StoreNumbers(msgspec.Struct, frozen=True):
    """The store: the number of its last alert, those that wait in memory for the disk, those that were given up."""

    kept: bool
    last: int
    unwritten: int
    lost: int


class Snapshot(msgspec.Struct, frozen=True):
    """The whole agent, *seconds* after it was started; what is counted was counted in *span* seconds, None: in all."""

    version: str
    pid: int
    seconds: float
    sources: list[SourceNumbers]
    outputs: list[OutputNumbers]
    store: StoreNumbers
    span: float | None = None

    def since(self, before: Snapshot) -> Snapshot:
        """Return it with the sources' counts as what has come to *before*."""
        known = {source.name: source for source in before.sources}
        sources = [source.since(known[source.name]) if source.name in known else source for source in self.sources]
        spans = [now.at - known[now.name].at for now in self.sources if now.name in known]
        return msgspec.structs.replace(self, sources=sources, span=max(spans, default=self.seconds - before.seconds))

    def as_json(self) -> object:
        """Return it as JSON has it."""
        return msgspec.to_builtins(self)


def snapshot(children: Iterable[Child], channels: Sequence[Channel], store: Store) -> Snapshot:
    """Return the numbers as they are now; a worker's are up to a second old."""
    return Snapshot(
        falcohost_version(),
        os.getpid(),
        age(),
        [_source(child) for child in children],
        [OutputNumbers(one.name, one.waiting, one.dropped, one.busy()) for one in channels],
        StoreNumbers(store.kept, store.last, store.unwritten, store.lost),
    )


def _source(child: Child) -> SourceNumbers:
    totals, numbers = child.totals, child.numbers
    names = dict.fromkeys([*totals.types, *totals.matched])
    return SourceNumbers(
        child.name,
        _state(child),
        child.error,
        max(child.lives - 1, 0),
        child.seconds,
        numbers.at or time.monotonic(),
        numbers.measuring,
        totals.received,
        totals.passed,
        totals.filtered,
        numbers.weakened,
        totals.failed,
        dict(totals.dropped),
        numbers.fill,
        numbers.notes,
        {name: _type(totals.types.get(name, TypeCount()), totals.matched[name], totals.hit[name]) for name in names},
        {name: _type(count, 0, 0) for name, count in totals.unwanted.items()},
        {name: RuleNumbers(matched, totals.folded[name]) for name, matched in totals.rules.items()},
    )


def _type(count: TypeCount, matched: int, hit: int) -> TypeNumbers:
    unmatched = max(count.passed - hit, 0)
    return TypeNumbers(count.seen, count.filtered, count.passed, matched, unmatched, count.lost, count.timed, count.ns)


def _state(child: Child) -> str:
    if child.ended:
        return "ended"
    if child.alive:
        return "open" if child.ready else "starting"
    return "down"
