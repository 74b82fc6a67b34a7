"""Declares the configuration keys of the syscall source: Falco's, and falcohost's own below ``falcohost``."""

from __future__ import annotations

import functools
from typing import Final

from falcohost import ConfigKey

#: Falco's engine kinds. Drivers may offer these names; ``nodriver`` stands for no driver at all.
MODERN_EBPF: Final = "modern_ebpf"
NO_DRIVER: Final = "nodriver"
_KINDS = ("ebpf", "kmod", MODERN_EBPF, "replay", NO_DRIVER)

DROP_ACTIONS: Final = ("ignore", "log", "alert", "exit")


def _kind(name: str) -> str | None:
    if name in _KINDS:
        return None
    return f"engine.kind '{name}' is not a valid kind; it is one of {', '.join(_KINDS)}"


def _preset(key: str, size: int) -> str | None:
    return None if 1 <= size <= 10 else f"{key}: expected a number from 1 to 10, not {size}"


def _moment(text: str) -> str | None:
    from falcohost_syscall.drivers.replay.period import moment  # only where a capture is read

    return None if moment(text) else f"expected a time such as 2026-11-28T08:14:00 or +90s, not '{text}'"


def _snaplen(size: int) -> str | None:
    return None if 0 <= size <= 65535 else f"falco_libs.snaplen: expected a number from 0 to 65535, not {size}"


def _btf(path: str) -> str | None:
    return None if path.startswith("/") else f"falcohost.btf: expected an absolute path, not '{path}'"


def _threshold(share: float) -> str | None:
    if 0 <= share <= 1:
        return None
    return f"syscall event drops threshold must be a double in the range [0, 1], not {share}"


def _actions(names: list[str]) -> str | None:
    for name in names:
        if name not in DROP_ACTIONS:
            return f"syscall_event_drops.actions has '{name}'; available are {', '.join(DROP_ACTIONS)}"
    others = [name for name in names if name in ("log", "alert")]
    if "ignore" in names and others:
        return f'syscall event drop action "{others[0]}" does not make sense with the "ignore" action'
    return None


_ENGINE = (
    ConfigKey(
        key="engine.kind",
        type=str,
        default=MODERN_EBPF,
        check=_kind,
        help="`modern_ebpf` observes system calls with eBPF, `ebpf` with eBPF [compiled by BCC](legacy-ebpf.md) (for "
        "old kernels; experimental), `kmod` with [Falco's kernel module](kmod.md), `replay` reads them from a capture, "
        "`nodriver` does none of these",
    ),
    ConfigKey(
        key="engine.modern_ebpf.buf_size_preset",
        type=int,
        check=functools.partial(_preset, "engine.modern_ebpf.buf_size_preset"),
        help="size of the ring buffer of calls, 1 to 10: 1 means 1 MiB, and each step doubles it; the buffer of "
        "processes is half as large; by default 8 MiB, with one or two processors 4 MiB",
    ),
    ConfigKey(
        key="engine.modern_ebpf.drop_failed_exit",
        type=bool,
        default=False,
        help="leaves out every call that failed, including calls in progress (`EINPROGRESS`) and failed program starts",
    ),
    ConfigKey(
        key="engine.modern_ebpf.cpus_for_each_buffer",
        type=int,
        effect=False,
        help="all CPUs share two ring buffers",
    ),
    ConfigKey(
        key="engine.modern_ebpf.disable_iterators",
        type=bool,
        effect=False,
        help="the running processes are always read from the kernel",
    ),
    ConfigKey(
        key="engine.replay.capture_file",
        type=str,
        help="capture (`.scap`, plain or gzip) that `engine.kind: replay` reads to its end",
    ),
    *(
        ConfigKey(
            key=f"engine.replay.{name}",
            type=str,
            check=_moment,
            help=f"{what} `2026-11-28T08:14:00`, or `+90s` after the first event (`ms`, `s`, `m`, `h`)",
        )
        for name, what in (
            ("from", "no rule sees events of the capture before this time:"),
            ("to", "the replay ends behind this time:"),
        )
    ),
    *(
        ConfigKey(
            key=f"engine.{kind}.buf_size_preset",
            type=int,
            check=functools.partial(_preset, f"engine.{kind}.buf_size_preset"),
            help="size of the ring of each processor, 1 to 10: 1 means 1 MiB, and each step doubles it; by default 4",
        )
        for kind in ("kmod", "ebpf")
    ),
    ConfigKey(
        key="engine.ebpf.drop_failed_exit",
        type=bool,
        default=False,
        help="leaves out every call that failed",
    ),
    ConfigKey(
        key="engine.kmod.drop_failed_exit",
        type=bool,
        default=False,
        help="leaves out every call that failed",
    ),
)

_BASE_SYSCALLS = (
    ConfigKey(
        key="base_syscalls.custom_set",
        type=list,
        default=(),
        help="`!name` is never collected, whatever the rules ask for; a name without `!` adds nothing, since the "
        "calls that the process table needs are always collected",
    ),
    ConfigKey(
        key="base_syscalls.all",
        type=bool,
        default=False,
        help="gives rules that name no event type the most frequent ones too (`falcohost -i` lists them); a rule that "
        "names such a type gets it anyway",
    ),
    ConfigKey(key="base_syscalls.repair", type=bool, effect=False, help="it is always on"),
)

_OURS = (
    ConfigKey(
        key="falcohost.process_context",
        type=bool,
        default=True,
        help="the kernel caches process context and sends it with the first event that needs it; false: every "
        "fork, exec and exit is sent",
    ),
    ConfigKey(
        key="falcohost.pushdown",
        type=bool,
        default=True,
        help="the kernel filters out events that no rule can match; false: it sends all events of the types in use",
    ),
    ConfigKey(
        key="falcohost.attach",
        type=str,
        default="auto",
        choices=("auto", "function", "tracepoint"),
        help="where system calls are observed. `auto`: each call in use at its own kernel function where the kernel "
        "allows that, so that other calls cost nothing, else at the tracepoint that every call passes "
        "(`falcohost stats` says which, and why); `function`: the same, and the log warns where it is not allowed; "
        "`tracepoint`: never at functions ([decision 0031](decisions/0031-calls-at-their-functions.md))",
    ),
    ConfigKey(
        key="falcohost.btf",
        type=str,
        check=_btf,
        help="BTF for a kernel that has none of its own: a file, or a folder with files `RELEASE.btf` "
        "([docs/kernels.md](kernels.md#kernels-without-btf)); by default, installed packages are asked for one",
    ),
    ConfigKey(
        key="falcohost.names",
        type=str,
        default="all",
        choices=("all", "requested"),
        help="`all`: a rule fires if it matches under any of a file's names "
        "([docs/rules.md](rules.md#a-files-names)); `requested`: only the name that was passed counts, as in Falco",
    ),
    ConfigKey(
        key="falcohost.watch_inodes",
        type=list,
        default=("rules",),
        help="files that are recognized by their inode, so that rules that name them also fire when they are opened "
        "through another hard link: absolute paths, and `rules` for every path that an enabled rule names in full "
        "([docs/rules.md](rules.md#hard-links)); `[]`: none",
    ),
)

_DROPS = (
    ConfigKey(
        key="syscall_event_drops.threshold",
        type=float,
        default=0.1,
        check=_threshold,
        help="share of lost events above which the actions are taken",
    ),
    ConfigKey(
        key="syscall_event_drops.actions",
        type=list,
        default=("alert",),
        check=_actions,
        help="what to do about lost events: `log`, `alert`, `exit` or `ignore`, which is also `[]`; they are counted "
        "and logged in any case",
    ),
    ConfigKey(
        key="syscall_event_drops.rate",
        type=float,
        default=0.03333,
        help="how often the actions may be taken: tokens per second, one of which is spent each time",
    ),
    ConfigKey(key="syscall_event_drops.max_burst", type=float, default=1, help="largest number of tokens"),
    ConfigKey(
        key="syscall_event_drops.simulate_drops",
        type=bool,
        default=False,
        help="acts as if events were lost, to test the actions",
    ),
)

#: Falco's keys that have no counterpart here; they are accepted without effect, for these reasons.
_IDLE = (
    ConfigKey(
        key="syscall_event_timeouts.max_consecutives",
        type=int,
        default=1000,
        effect=False,
        help="a quiet host is no fault; `falcohost.source_timeout` reports a source that does not come back",
    ),
    ConfigKey(
        key="falco_libs.thread_table_size",
        type=int,
        default=262144,
        effect=False,
        help="the table of processes is sized by the number of processes at the start",
    ),
    *(
        ConfigKey(key=f"falco_libs.{name}", type=int, default=300, effect=False, help="processes leave when they end")
        for name in ("thread_table_auto_purging_interval_s", "thread_table_auto_purging_thread_timeout_s")
    ),
    ConfigKey(
        key="falco_libs.snaplen",
        type=int,
        default=80,
        check=_snaplen,
        help="number of bytes that are collected of the data that calls read and write (`evt.buffer`, `evt.arg.data`), "
        "0 to 65535; 0 means 80, and what is above 4096 means 4096. Outputs show at most 1023 of them, as Falco does",
    ),
)

KEYS: Final = (*_ENGINE, *_BASE_SYSCALLS, *_OURS, *_DROPS, *_IDLE)
