"""The keys of the configuration that are about system calls: Falco's, and our own below ``falcohost``."""

from __future__ import annotations

from typing import Final

from falcohost import ConfigKey

#: Falco's kinds of engine; drivers of these names may be offered, and ``nodriver`` is none.
MODERN_EBPF: Final = "modern_ebpf"
NO_DRIVER: Final = "nodriver"
_KINDS = ("kmod", MODERN_EBPF, "replay", NO_DRIVER)

DROP_ACTIONS: Final = ("ignore", "log", "alert", "exit")


def _kind(name: str) -> str | None:
    if name not in _KINDS:
        return f"engine.kind '{name}' is not a valid kind; it is one of {', '.join(_KINDS)}"
    if name in (MODERN_EBPF, NO_DRIVER):
        return None
    return f"engine.kind is '{name}', which this version of falcohost does not have; use {MODERN_EBPF}"


def _preset(size: int) -> str | None:
    return (
        None if 1 <= size <= 10 else f"engine.modern_ebpf.buf_size_preset: expected a number from 1 to 10, not {size}"
    )


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
        help="`modern_ebpf` watches system calls, `replay` reads those of a capture, `nodriver` does neither",
    ),
    ConfigKey(
        key="engine.modern_ebpf.buf_size_preset",
        type=int,
        default=4,
        check=_preset,
        help="size of each of the two ring buffers, 1 to 10: 1 MiB, doubled with each step",
    ),
    ConfigKey(
        key="engine.modern_ebpf.drop_failed_exit",
        type=bool,
        default=False,
        help="leaves out every call that failed, also one that is only in progress (`EINPROGRESS`); failing starts of "
        "programs among them",
    ),
    ConfigKey(
        key="engine.modern_ebpf.cpus_for_each_buffer",
        type=int,
        effect=False,
        help="Falco's; not used: all CPUs share two rings",
    ),
    ConfigKey(
        key="engine.modern_ebpf.disable_iterators",
        type=bool,
        effect=False,
        help="Falco's; not used: running processes are always asked of the kernel",
    ),
    ConfigKey(
        key="engine.replay.capture_file",
        type=str,
        help="capture (`.scap`, plain or gzip) whose events are read with `engine.kind: replay`, until it ends",
    ),
    *(
        ConfigKey(key=f"engine.{name}", type=kind, help="for a kind that this version does not have")
        for name, kind in (
            ("kmod.buf_size_preset", int),
            ("kmod.drop_failed_exit", bool),
        )
    ),
)

_BASE_SYSCALLS = (
    ConfigKey(
        key="base_syscalls.custom_set",
        type=list,
        default=(),
        help="`!name` is not collected, whatever rules ask; a name without the mark adds nothing, since what the "
        "process table needs is collected in any case",
    ),
    ConfigKey(
        key="base_syscalls.all",
        type=bool,
        default=False,
        help="rules that name no event type get those too that come too often (`falcohost -i` lists them); a rule that "
        "names one gets it anyway",
    ),
    ConfigKey(key="base_syscalls.repair", type=bool, effect=False, help="Falco's; not used: it is always on"),
)

_OURS = (
    ConfigKey(
        key="falcohost.process_context",
        type=bool,
        default=True,
        help="the kernel keeps what each process is, and tells of those that have to do with events; false: every "
        "fork, exec and exit is sent",
    ),
    ConfigKey(
        key="falcohost.pushdown",
        type=bool,
        default=True,
        help="the kernel leaves out events that no rule can want; false: all events of the wanted types are sent",
    ),
    ConfigKey(
        key="falcohost.attach",
        type=str,
        default="auto",
        choices=("auto", "function", "tracepoint"),
        help="where system calls are seen: each wanted one at its own function where the kernel allows that, so that "
        "the others cost nothing, and else at the tracepoint that every call passes (`auto`; `falcohost stats` says "
        "which, and why); `function`: the same, and the log warns where it is not allowed; `tracepoint`: never at "
        "functions ([decision 0019](decisions/0019-attach.md))",
    ),
    ConfigKey(
        key="falcohost.names",
        type=str,
        default="all",
        choices=("all", "requested"),
        help="`all`: a rule fires if it matches under any one of the names that a file has "
        "([docs/rules.md](rules.md#a-files-names)); `requested`: a file has the name that was passed, as in Falco",
    ),
    ConfigKey(
        key="falcohost.watch_inodes",
        type=list,
        default=("rules",),
        help="files that are known by their inode, so that rules that name them fire by whatever hard link they are "
        "opened: absolute paths, and `rules` for every path that an enabled rule names whole "
        "([docs/rules.md](rules.md#hard-links)); `[]`: none",
    ),
)

_DROPS = (
    ConfigKey(
        key="syscall_event_drops.threshold",
        type=float,
        default=0.1,
        check=_threshold,
        help="which share of lost events is acted on",
    ),
    ConfigKey(
        key="syscall_event_drops.actions",
        type=list,
        default=(),
        check=_actions,
        help="`log`, `alert`, `exit` or `ignore`",
    ),
    ConfigKey(
        key="syscall_event_drops.rate",
        type=float,
        default=0.03333,
        help="how often: tokens a second, each of which buys the actions once",
    ),
    ConfigKey(key="syscall_event_drops.max_burst", type=float, default=1, help="how many tokens there can be"),
    ConfigKey(
        key="syscall_event_drops.simulate_drops",
        type=bool,
        default=False,
        help="acts as if events were lost, to try the actions",
    ),
)

#: What Falco has and we have no use for.
_IDLE = (
    ConfigKey(key="syscall_event_timeouts.max_consecutives", type=int, effect=False),
    *(
        ConfigKey(key=f"falco_libs.{name}", type=int, effect=False)
        for name in (
            "thread_table_size",
            "thread_table_auto_purging_interval_s",
            "thread_table_auto_purging_thread_timeout_s",
            "snaplen",
        )
    ),
)

KEYS: Final = (*_ENGINE, *_BASE_SYSCALLS, *_OURS, *_DROPS, *_IDLE)
