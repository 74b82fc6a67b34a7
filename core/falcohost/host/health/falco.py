"""Falco's metrics, by Falco's names, of those numbers that falcohost has (https://falco.org/docs/metrics/)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from falcohost.host.health.data import HealthData
from falcohost.host.health.machine import MachineNumbers
from falcohost.host.numbers import Numbers
from falcohost.host.snapshot import Snapshot
from falcohost.lang.default_source import DEFAULT_SOURCE

#: What each name stands for; those that end in _total and are no counters are Falco's.
HELP: Final = {
    "evt_hostname_info": "the name of this host",
    "falco_version_info": "the release of Falco that the agent is compatible with",
    "falco_kernel_release_info": "the kernel's release",
    "falco_sha256_rules_files_info": "the SHA-256 of each rules file",
    "falco_sha256_config_files_info": "the SHA-256 of each configuration file",
    "scap_engine_name_info": "where the events of a source come from",
    "falco_start_timestamp_nanoseconds": "when the agent was started",
    "falco_reload_timestamp_nanoseconds": "when rules were last read",
    "falco_duration_seconds_total": "seconds since the agent was started",
    "falco_host_boot_timestamp_nanoseconds": "when the machine was started",
    "falco_host_num_cpus_total": "processors of the machine",
    "falco_outputs_queue_num_drops_total": "alerts that an output will never get",
    "falco_rules_matches_total": "matches of each rule",
    "falco_cpu_usage_ratio": "processor time of the agent's processes, divided by the time since its start",
    "falco_memory_rss_bytes": "memory of the agent's processes, in which what they share counts several times",
    "falco_memory_pss_bytes": "memory of the agent's processes",
    "falco_memory_vsz_bytes": "address space of the agent's processes",
    "falco_host_cpu_usage_ratio": "share of the machine's processor time that was used since its start",
    "falco_host_memory_used_bytes": "memory of the machine that is not available",
    "falco_host_procs_running_total": "processes of the machine that run or wait for a processor",
    "falco_host_open_fds_total": "open files of the machine",
    "scap_n_evts_total": "system calls that were received",
    "scap_n_drops_total": "system calls that were lost",
    "scap_n_drops_buffer_total": "system calls that were lost because a buffer was full, by Falco's kinds of calls",
}

#: Those that only rise.
COUNTERS: Final = frozenset(
    {
        "falco_duration_seconds_total",
        "falco_outputs_queue_num_drops_total",
        "falco_rules_matches_total",
        "scap_n_evts_total",
        "scap_n_drops_total",
        "scap_n_drops_buffer_total",
    }
)

#: Falco's kinds of lost calls, by event type; others are OTHER.
DROPS: Final = {
    **dict.fromkeys(("clone", "clone3", "fork", "vfork"), "clone_fork"),
    **dict.fromkeys(("execve", "execveat"), "execve"),
    "connect": "connect",
    **dict.fromkeys(("open", "openat", "openat2", "open_by_handle_at", "creat"), "open"),
    **dict.fromkeys(("dup", "chmod", "fchmod", "fchmodat", "chown", "lchown", "fchown", "fchownat"), "dir_file"),
    **dict.fromkeys(("link", "linkat", "mkdir", "mkdirat", "mount", "umount", "umount2", "rmdir"), "dir_file"),
    **dict.fromkeys(("rename", "renameat", "renameat2", "symlink", "symlinkat", "unlink", "unlinkat"), "dir_file"),
    "close": "close",
    "procexit": "proc",
}
OTHER: Final = "other_interest"


class FalcoPoint(Struct, frozen=True):
    """One value of the metric *name*, which is one of :data:`HELP`."""

    name: str
    value: float
    labels: Mapping[str, str] = {}


def falco_points(snapshot: Snapshot, data: HealthData, machine: MachineNumbers, reloaded: int) -> Iterator[FalcoPoint]:
    """Yield Falco's metrics, as far as the block ``metrics`` does not leave them out."""
    wanted = frozenset() if data.metrics is None else data.metrics.counters
    yield from _infos(data)
    yield from _times(snapshot, machine, reloaded)
    if "state_counters_enabled" in wanted:
        yield FalcoPoint("falco_outputs_queue_num_drops_total", dropped(snapshot))
    if "rules_counters_enabled" in wanted:
        yield from _rules(snapshot, data)
    if "resource_utilization_enabled" in wanted:
        yield from _resources(snapshot, machine)
    for source in snapshot.sources:
        if source.state.name == DEFAULT_SOURCE and "kernel_event_counters_enabled" in wanted:
            yield FalcoPoint("scap_n_evts_total", source.numbers.received)
            yield FalcoPoint("scap_n_drops_total", source.numbers.lost)
            yield from _drops(source.numbers)


def _drops(numbers: Numbers) -> Iterator[FalcoPoint]:
    """Yield what was lost because a buffer was full, for each of Falco's kinds."""
    lost = dict.fromkeys((*DROPS.values(), OTHER), 0)
    for name, one in numbers.types.items():
        lost[DROPS.get(name, OTHER)] += one.lost
    for kind, count in lost.items():
        yield FalcoPoint("scap_n_drops_buffer_total", count, {"drop": kind, "dir": "exit"})


def dropped(snapshot: Snapshot) -> int:
    """Return how many alerts outputs will never get."""
    return sum(output.numbers.dropped for output in snapshot.outputs)


def cpu_share(snapshot: Snapshot) -> float:
    """Return the processor time of all processes, divided by the time since the start."""
    return sum(one.numbers.cpu for one in snapshot.processes) / max(snapshot.seconds, 0.001)


def _infos(data: HealthData) -> Iterator[FalcoPoint]:
    yield FalcoPoint("evt_hostname_info", 1, {"hostname": data.hostname})
    yield FalcoPoint("falco_version_info", 1, {"version": str(data.versions["falco_version"])})
    yield FalcoPoint("falco_kernel_release_info", 1, {"kernel_release": os.uname().release})
    for name, sum_ in data.rules_files.items():
        yield FalcoPoint("falco_sha256_rules_files_info", 1, {"file_name": name, "sha256": sum_})
    for name, sum_ in data.config_files.items():
        yield FalcoPoint("falco_sha256_config_files_info", 1, {"file_name": name, "sha256": sum_})
    for source, engine in data.engines.items():
        yield FalcoPoint("scap_engine_name_info", 1, {"engine_name": engine, "evt_source": source})


def _times(snapshot: Snapshot, machine: MachineNumbers, reloaded: int) -> Iterator[FalcoPoint]:
    yield FalcoPoint("falco_start_timestamp_nanoseconds", snapshot.started)
    yield FalcoPoint("falco_reload_timestamp_nanoseconds", reloaded)
    yield FalcoPoint("falco_duration_seconds_total", int(snapshot.seconds))
    yield FalcoPoint("falco_host_boot_timestamp_nanoseconds", machine.booted)
    yield FalcoPoint("falco_host_num_cpus_total", os.cpu_count() or 0)


def _rules(snapshot: Snapshot, data: HealthData) -> Iterator[FalcoPoint]:
    empty = data.metrics is not None and data.metrics.empty
    for source in snapshot.sources:
        for rule, labels in data.rules.get(source.state.name, []):
            numbers = source.numbers.rules.get(rule)
            if numbers is not None or empty:
                named = {
                    "priority": str(labels.priority),
                    "rule_name": rule,
                    "source": labels.source,
                    **{f"tag_{sanitised(tag)}": "true" for tag in labels.tags},
                }
                yield FalcoPoint("falco_rules_matches_total", 0 if numbers is None else numbers.matched, named)


def _resources(snapshot: Snapshot, machine: MachineNumbers) -> Iterator[FalcoPoint]:
    yield FalcoPoint("falco_cpu_usage_ratio", cpu_share(snapshot))
    for kind in ("rss", "pss", "vsz"):
        total = sum(getattr(one.numbers, kind) for one in snapshot.processes)
        yield FalcoPoint(f"falco_memory_{kind}_bytes", total)
    yield FalcoPoint("falco_host_cpu_usage_ratio", machine.cpu)
    yield FalcoPoint("falco_host_memory_used_bytes", machine.memory)
    yield FalcoPoint("falco_host_procs_running_total", machine.running)
    yield FalcoPoint("falco_host_open_fds_total", machine.files)


def sanitised(name: str) -> str:
    """Return *name* with what no name of a label or field may have replaced by underscores."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
