"""Writes the metrics as text for Prometheus, by prometheus-client: falcohost's own, and Falco's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry

from falcohost.host.health import falco
from falcohost.host.health.data import HealthData
from falcohost.host.health.machine import Machine
from falcohost.host.health.points import Point, points
from falcohost.host.snapshot import Snapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

#: What names begin with.
OURS: Final = "falcohost_"
FALCOS: Final = "falcosecurity_"


class _Collected:
    """Has families that were made before."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = [*families]

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def exposition(snapshot: Snapshot, data: HealthData, machine: Machine, reloaded: int) -> bytes:
    """Return the metrics of *snapshot* as text.

    :param reloaded: when rules were last read, in nanoseconds since 1970.
    """
    wanted = frozenset() if data.metrics is None else data.metrics.counters
    ours = (one for one in points(snapshot) if not one.metric.key or one.metric.key in wanted)
    falcos = falco.falco_points(snapshot, data, machine.numbers(), reloaded)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected([*_ours(ours), *_falcos(falcos)]))
    return bytes(generate_latest(registry))


def _ours(found: Iterable[Point]) -> Iterator[Metric]:
    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for one in found:
        name = f"{OURS}{one.metric.name}"
        if name not in families:
            make = CounterMetricFamily if one.metric.rises else GaugeMetricFamily
            families[name] = make(name, plain(one.metric.help), labels=one.metric.labels)
        families[name].add_metric(one.labels, one.value)
    yield from families.values()


def _falcos(found: Iterable[falco.FalcoPoint]) -> Iterator[Metric]:
    """Yield Falco's families; the labels of one need not be the same in all of its values."""
    families: dict[str, Metric] = {}
    for one in found:
        name = f"{FALCOS}{one.name}"
        rises = one.name in falco.COUNTERS
        if name not in families:
            family = name.removesuffix("_total") if rises else name
            families[name] = Metric(family, plain(falco.HELP[one.name]), "counter" if rises else "gauge")
        families[name].add_sample(name, dict(one.labels), one.value)
    yield from families.values()


def plain(help: str) -> str:
    """Return a text of the documentation without its links and marks."""
    while "](" in help:
        before, _, rest = help.partition("[")
        shown, _, behind = rest.partition("](")
        help = f"{before}{shown}{behind.partition(')')[2]}"
    return help.replace("`", "")
