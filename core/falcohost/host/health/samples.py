"""Snapshots of Falco's block ``metrics``: the fields of an alert, or of a line of a file, for each source."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from falcohost.host.health.data import HealthData
from falcohost.host.health.falco import cpu_share, dropped, sanitised
from falcohost.host.health.machine import Machine
from falcohost.host.health.messages import MOST_FIELDS, MOST_IN_ALL, MOST_TEXT, size_of
from falcohost.host.health.points import INFO, points
from falcohost.host.snapshot import Snapshot, SourceSnapshot
from falcohost.lang.default_source import DEFAULT_SOURCE

#: The fields of a snapshot.
Fields: TypeAlias = dict[str, str | int | float]

_MB: Final = 1 << 20
_SECOND: Final = 1_000_000_000

#: Fields that are there even if they are 0.
_ALWAYS: Final = ("evt.", "falco.start", "falco.duration", "falco.num_evts")


class Samples:
    """Makes snapshots, and counts them."""

    def __init__(self, data: HealthData, machine: Machine) -> None:
        self._data = data
        self._machine = machine
        self._number = 0
        self._before: dict[str, tuple[int, SourceSnapshot]] = {}

    def renew(self, data: HealthData) -> None:
        """Go over to other *data*."""
        self._data = data

    @property
    def rule(self) -> bool:
        """Return whether snapshots are alerts."""
        return self._data.metrics is not None and self._data.metrics.rule

    def take(self, snapshot: Snapshot, reloaded: int) -> Iterator[Fields]:
        """Yield the fields of each source of *snapshot*; rules were last *reloaded* then."""
        metrics = self._data.metrics
        if metrics is None:
            return
        now = time.time_ns()
        self._number += 1
        shared = self._shared(snapshot, reloaded)
        own = self._own(snapshot)
        for source in snapshot.sources:
            fields = {"evt.time": now, "evt.source": source.state.name, **shared}
            fields |= self._events(source, now) | self._rules(source) | own.get(source.state.name, {}) | own[""]
            self._before[source.state.name] = now, source
            kept = fields.items() if metrics.empty else (one for one in fields.items() if _says(*one))
            yield _within_limits(sorted(kept))

    def line(self, fields: Fields) -> bytes:
        """Return the line of a file."""
        return msgspec.json.encode({"sample": self._number, "output_fields": fields}) + b"\n"

    def _shared(self, snapshot: Snapshot, reloaded: int) -> Fields:
        data, machine = self._data, self._machine.numbers()
        fields: Fields = {
            "evt.hostname": data.hostname,
            "falco.version": str(data.versions["falco_version"]),
            "falco.start_ts": snapshot.started,
            "falco.duration_sec": int(snapshot.seconds),
            "falco.kernel_release": os.uname().release,
            "falco.host_boot_ts": machine.booted,
            "falco.host_num_cpus": os.cpu_count() or 0,
            "falco.reload_ts": reloaded,
            "falco.outputs_queue_num_drops": dropped(snapshot),
        }
        fields |= {f"falco.sha256_rules_file.{sanitised(name)}": sum_ for name, sum_ in data.rules_files.items()}
        fields |= {f"falco.sha256_config_file.{sanitised(name)}": sum_ for name, sum_ in data.config_files.items()}
        if not self._wants("resource_utilization_enabled"):
            return fields
        fields |= {
            "falco.cpu_usage_perc": round(100 * cpu_share(snapshot), 1),
            "falco.host_cpu_usage_perc": round(100 * machine.cpu, 1),
            "falco.host_procs_running": machine.running,
            "falco.host_open_fds": machine.files,
        }
        memory = {f"memory_{k}": sum(getattr(p.numbers, k) for p in snapshot.processes) for k in ("rss", "pss", "vsz")}
        return fields | dict(self._memory(memory | {"host_memory_used": machine.memory}))

    def _memory(self, sizes: dict[str, int]) -> Iterator[tuple[str, float]]:
        for name, size in sizes.items():
            if self._data.metrics is not None and self._data.metrics.megabytes:
                yield f"falco.{name}_mb", round(size / _MB, 1)
            else:
                yield f"falco.{name}_bytes", size

    def _events(self, source: SourceSnapshot, now: int) -> Fields:
        """Return how many events there were; rates from the second snapshot on."""
        numbers, name = source.numbers, source.state.name
        then, before = self._before.get(name, (now, source))
        seconds = (now - then) / _SECOND
        fields: Fields = {"falco.num_evts": numbers.passed, "falco.num_evts_prev": before.numbers.passed}
        if seconds:
            fields["falco.evts_rate_sec"] = round((numbers.passed - before.numbers.passed) / seconds, 1)
        fields["scap.engine_name"] = self._data.engines.get(name, "")
        if name == DEFAULT_SOURCE and self._wants("kernel_event_counters_enabled"):
            received, lost = numbers.received - before.numbers.received, numbers.lost - before.numbers.lost
            fields |= {"scap.n_evts": numbers.received, "scap.n_evts_prev": before.numbers.received}
            fields |= {"scap.n_drops": numbers.lost, "scap.n_drops_prev": before.numbers.lost}
            fields["scap.n_drops_perc"] = round(100 * lost / (received + lost), 1) if lost > 0 else 0.0
            if seconds:
                fields["scap.evts_rate_sec"] = round(received / seconds, 1)
                fields["scap.evts_drop_rate_sec"] = round(lost / seconds, 1)
        return fields

    def _rules(self, source: SourceSnapshot) -> Fields:
        if not self._wants("rules_counters_enabled"):
            return {}
        rules = {name: one.matched for name, one in source.numbers.rules.items()}
        named = {f"falco.rules.{sanitised(name)}": count for name, count in rules.items()}
        return {"falco.rules.matches_total": sum(rules.values()), **named}

    def _own(self, snapshot: Snapshot) -> dict[str, Fields]:
        """Return falcohost's own numbers by source; under "": those of no source."""
        found: dict[str, Fields] = {"": {}}
        for one in points(snapshot):
            if one.metric is INFO or (one.metric.key and not self._wants(one.metric.key)):
                continue
            of_source = one.metric.labels[:1] == ("source",)
            source, labels = (one.labels[0], one.labels[1:]) if of_source else ("", one.labels)
            name = ".".join(["falcohost", one.metric.name.removesuffix("_total"), *filter(None, labels)])
            value = int(one.value) if one.value.is_integer() else round(one.value, 6)
            found.setdefault(source, {})[name] = value
        return found

    def _wants(self, key: str) -> bool:
        return self._data.metrics is not None and key in self._data.metrics.counters


def _says(name: str, value: str | float) -> bool:
    """Return whether a value is not empty, or is there nevertheless."""
    return bool(value) or name.startswith(_ALWAYS)


def _within_limits(fields: list[tuple[str, str | int | float]]) -> Fields:
    """Return as many *fields* as a sample may have, and, if that is not all, how many are left out."""
    kept: Fields = {}
    room = MOST_IN_ALL - MOST_TEXT
    for number, (name, value) in enumerate(fields):
        room -= size_of(name, value)
        if len(kept) == MOST_FIELDS - 1 or room < 0:
            return kept | {"falcohost.left_out": len(fields) - number}
        if len(name) <= MOST_TEXT and (not isinstance(value, str) or len(value) <= MOST_TEXT):
            kept[name] = value
    return kept
