"""Reacts to lost system calls: the settings ``syscall_event_drops`` and the output fields of Falco's alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost import DropPolicy

#: Output fields of Falco's alert besides n_evts and n_drops. A cause with one of these names is counted there.
FIELDS = (
    "n_drops_buffer_total",
    "n_drops_buffer_clone_fork_exit",
    "n_drops_buffer_execve_exit",
    "n_drops_buffer_connect_exit",
    "n_drops_buffer_open_exit",
    "n_drops_buffer_dir_file_exit",
    "n_drops_buffer_other_interest_exit",
    "n_drops_buffer_close_exit",
    "n_drops_buffer_proc_exit",
    "n_drops_scratch_map",
    "n_drops_page_faults",
    "n_drops_bug",
)

#: Falco's field in which each of our causes is counted, in addition to a field of its own.
_IN_FALCOS_WORDS = {
    "ring_full": "n_drops_buffer_total",
    "proc_ring_full": "n_drops_buffer_total",
    "flood": "n_drops_buffer_total",
    "scratch": "n_drops_scratch_map",
}


def policy(settings: Mapping[str, Any]) -> DropPolicy:
    """Return the policy that the plugin's settings ask for."""
    keys = settings["syscall_event_drops"]
    return DropPolicy(
        what="syscall event drop",
        events="system calls",
        threshold=0.0 if keys["simulate_drops"] else keys["threshold"],
        actions=tuple(dict.fromkeys(keys["actions"])) or ("ignore",),
        key="syscall_event_drops.actions",
        rate=keys["rate"],
        burst=keys["max_burst"],
        simulate=keys["simulate_drops"],
        fields=fields,
    )


def fields(dropped: Mapping[str, int]) -> dict[str, str]:
    """Return the number of lost events for each of Falco's fields, and for each cause that Falco does not have."""
    counts = dict.fromkeys(FIELDS, 0)
    for cause, count in dropped.items():
        own = f"n_drops_{cause.replace(' ', '_')}"
        for name in {own, _IN_FALCOS_WORDS.get(cause, own)}:
            counts[name] = counts.get(name, 0) + count
        if own.startswith("n_drops_buffer_"):
            counts["n_drops_buffer_total"] += count
    return {"ebpf_enabled": "1", **{name: str(count) for name, count in counts.items()}}
