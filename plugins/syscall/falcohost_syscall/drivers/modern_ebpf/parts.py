"""Says which of the probe's programs are needed for what is collected: some belong to parts, each needed or not.

A program in no part is needed in any case, also for the sentinel alone. A part is needed as soon as what is collected
might run it: without it, an event would go no further.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from typing import Final, NamedTuple

from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.drivers.modern_ebpf.hooks import HOOKS, INSTALLS, REQUESTS
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.facts.folders import has_folders
from falcohost_syscall.records.record import (
    ASKS_ENVIRONMENT,
    ASKS_REQUESTED,
    MOMENT_FAULT,
    MOMENT_SIGNAL,
    MOMENT_SWITCH,
    WANT_BEGIN,
    WANT_FD,
    WANT_FILE,
    WANT_MESSAGES,
    WANT_REACHED,
    CallSpec,
)

URING, MESSAGES, NAMES, FOLDERS, PRESENT = "io_uring", "messages", "names", "folders", "present"
EXECS, EXITS, BEGUN, MADE, RENAMED = "execs", "exits", "begun", "clone3", "prctl"

#: The number of clone3(2) on every machine, and of the call as which a thread is told of that is given another name.
CLONE3: Final = 435
PRCTL: Final = {"x86_64": 157, "aarch64": 167}
#: The parts by ``enum moment``.
_MOMENTS: Final = {MOMENT_SIGNAL: "signals", MOMENT_SWITCH: "switches", MOMENT_FAULT: "faults"}
#: What else is asked of the caller (``ASKS_PRESENT`` of bpf/facts.h).
_NOT_PRESENT: Final = ASKS_REQUESTED | ASKS_ENVIRONMENT
#: By which the file of an event, or its paths, may have further names.
_WITH_NAMES: Final = WANT_FD | WANT_FILE | WANT_REACHED


class Part(NamedTuple):
    """A part of the probe.

    :ivar programs: its programs.
    :ivar why: for what it is needed, in words.
    """

    programs: tuple[str, ...]
    why: str


PARTS: Final[Mapping[str, Part]] = {
    URING: Part(("uring_submit", "uring_complete", "uring_look"), "calls that io_uring makes, too"),
    MESSAGES: Part(("submit_messages",), "sendmmsg and recvmmsg"),
    NAMES: Part(("next_name",), "files, which may have further names"),
    FOLDERS: Part(("folder_unwanted", "folder_wanted"), "opens that are judged by their folder"),
    PRESENT: Part(("gather_present",), "fields of the caller at that moment"),
    EXECS: Part(("exec_wanted", "exec_ancestors", "submit_exec", "next_exe_name"), "programs that are executed"),
    EXITS: Part(("exit_wanted", "submit_exit"), "processes that end"),
    BEGUN: Part(("call_foreseen",), "calls that are told of when they begin"),
    MADE: Part(("task_made",), "clone3"),
    RENAMED: Part(("task_renamed",), "prctl"),
    "signals": Part(("signal_delivered",), "signals that are delivered"),
    "switches": Part(("thread_switched",), "threads that get a processor"),
    "faults": Part(("page_missed", "page_missed_in_kernel"), "pages that are missing"),
    **{hook: Part((hook,), "calls that pass this function") for hook in sorted(HOOKS | REQUESTS | {INSTALLS})},
}
ALL: Final = frozenset(PARTS)
#: What is loaded while nobody knows yet what the rules ask for, and let go of if they do without.
LIKELY: Final = frozenset({EXECS, NAMES, FOLDERS, URING})


def programs(parts: Set[str]) -> frozenset[str]:
    """Return the programs of these parts."""
    return frozenset(program for name in parts for program in PARTS[name].programs)


#: The programs that are in some part.
OPTIONAL: Final = programs(ALL)


def needed(
    calls: Mapping[int, CallSpec],
    requests: Mapping[int, CallSpec],
    moments: Mapping[int, CallSpec],
    options: Options,
    hooks: frozenset[str],
) -> frozenset[str]:
    """Return the parts that collecting this takes.

    :param calls: by number; *requests*: of io_uring, by operation; *moments*: by ``enum moment``.
    :param hooks: the functions that calls pass.
    """
    specs = [*calls.values(), *moments.values()]
    asked_for = {
        URING: bool(requests),
        NAMES: bool(requests) or any(spec.want & _WITH_NAMES for spec in specs),
        MESSAGES: any(spec.want & WANT_MESSAGES for spec in specs),
        FOLDERS: any(has_folders(CALLS[spec.call - 1]) for spec in specs),  # whatever their first filters are
        PRESENT: any(spec.asks & ~_NOT_PRESENT for spec in specs),
        EXECS: options.execve or options.all_processes,
        EXITS: options.procexit,
        BEGUN: any(spec.want & WANT_BEGIN for spec in specs),
        MADE: CLONE3 in calls,
        RENAMED: PRCTL.get(os.uname().machine) in calls,
        **{name: number in moments for number, name in _MOMENTS.items()},
    }
    return hooks.union(name for name, is_needed in asked_for.items() if is_needed)


def possible(hooks: frozenset[str], *, sees_requests: bool) -> frozenset[str]:
    """Return the parts that a kernel takes that has these *hooks*, and the tracepoints of io_uring or not."""
    left_out = (HOOKS | REQUESTS | {INSTALLS}) - hooks
    return ALL - left_out if sees_requests else ALL - left_out - {URING}


#: How many instructions of a program the verifier processes, in thousands (Linux 6.18); others: about one.
_WEIGHTS: Final = {
    "submit_exec": 34,
    "submit_exit": 33,
    "next_name": 32,
    "gather_memory": 31,
    "tell_call": 30,
    "sys_exit": 30,
    "process_exit": 16,
    "uring_complete": 15,
    "uring_look": 13,
    "process_exec": 11,
    "gather_objects": 11,
    "exec_ancestors": 10,
    "gather_arguments": 10,
    "exit_wanted": 10,
    "process_fork": 9,
    "uring_submit": 9,
    "dump_task": 8,
    "submit_messages": 6,
    "next_exe_name": 6,
    "exec_wanted": 5,
    "gather_process": 5,
    "gather_ancestors": 5,
    "folder_unwanted": 3,
    "gather_present": 3,
}


#: Fewer are not worth opening the object twice.
_LEAST_HALVED: Final = 20


def halved(names: Set[str]) -> Sequence[frozenset[str]]:
    """Return these programs in two halves, which take the kernel about as long to check; a few in one."""
    if sum(_WEIGHTS.get(name, 1) for name in names) < _LEAST_HALVED:
        return [frozenset(names)]
    halves: tuple[list[str], list[str]] = ([], [])
    weights = [0, 0]
    for name in sorted(names, key=lambda name: (-_WEIGHTS.get(name, 1), name)):
        lighter = weights.index(min(weights))
        halves[lighter].append(name)
        weights[lighter] += _WEIGHTS.get(name, 1)
    return [frozenset(half) for half in halves]
