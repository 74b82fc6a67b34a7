"""Points: each counter that is declared is exported, under a name that Prometheus takes."""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
import pytest

from falcohost.counters import Over, Shape, Unit, by_name, counters, number
from falcohost.host.health import points as module
from falcohost.host.health.points import PARTS, metrics, points
from falcohost.host.numbers import Numbers


def test_each_counter_is_exported(snapshot):
    """Every counter of every part has a metric, and a point if it has a value; sentences have none."""
    declared = {
        part: [one for one in counters(of) if one.shape is not Shape.SENTENCES] for part, (of, _, _) in PARTS.items()
    }
    names = [one.name for one in metrics()]
    found = {one.metric.name for one in points(snapshot)}

    assert [] == [
        (part, one.json)
        for part, all_ in declared.items()
        for one in all_
        if one.json is not None and not any(name.startswith(f"{part}_{one.json}") for name in names)
    ]
    assert found == set(names)


def test_names_are_those_that_prometheus_takes():
    """Names have letters, digits and underscores, and no two metrics have one name."""
    names = [one.name for one in metrics()]

    assert [] == [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)]
    assert len(names) == len(set(names))


def test_a_new_counter_needs_no_other_line(snapshot, monkeypatch):
    """What is declared in a struct of numbers is a metric, with its unit in its name, and its value in base units."""

    class More(Numbers, frozen=True):
        waits: Annotated[int, number("how long", over=Over.LAST, unit=Unit.NANOSECONDS)] = 0
        by: Annotated[Mapping[str, int], by_name("by whom", label="who", text="by")] = {}

    monkeypatch.setitem(module.PARTS, "source", (More, ("source",), "some_key"))
    (source,) = snapshot.sources
    more = More(**{name: getattr(source.numbers, name) for name in Numbers.__struct_fields__}, waits=5, by={"x": 3})
    changed = msgspec.structs.replace(snapshot, sources=[msgspec.structs.replace(source, numbers=more)])
    found = {one.metric.name: one for one in points(changed)}

    assert (("syscall",), 5e-9, False) == (
        found["source_waits_seconds"].labels,
        found["source_waits_seconds"].value,
        found["source_waits_seconds"].metric.rises,
    )
    assert (("syscall", "x"), 3.0, ("source", "who")) == (
        found["source_by_total"].labels,
        found["source_by_total"].value,
        found["source_by_total"].metric.labels,
    )


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("source_lost_total", ("syscall", "full"), 100),
        ("source_types_seconds_total", ("syscall", "openat"), 5),
        ("source_fill_ratio", ("syscall", "calls"), 0.5),
        ("source_lag_seconds", ("syscall",), 0.25),
        ("output_waiting", ("stdout", "output"), 5),
        ("process_pss_bytes", ("worker", "syscall"), 2 << 20),
        ("process_restarts_total", ("worker", "syscall"), 2),
        ("store_last_total", (), 12),
        ("source_up", ("syscall",), 1),
        ("output_lag_seconds", ("stdout", "output"), 7.5),
        ("store_size_bytes", (), 4096),
    ],
)
def test_values(snapshot, name, labels, value):
    """Each value is that of the snapshot, in the unit that its name says."""
    found = {(one.metric.name, one.labels): one.value for one in points(snapshot)}

    assert value == found[name, labels]
