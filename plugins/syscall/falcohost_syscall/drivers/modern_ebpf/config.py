"""Parses the settings of the driver (``engine``, ``falcohost`` and ``base_syscalls`` in falco.yaml)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falcohost import ConfigError
from falcohost_syscall.calls import base_syscalls
from falcohost_syscall.calls.base_syscalls import BaseSyscalls
from falcohost_syscall.drivers.drivers import engine
from falcohost_syscall.records.record import CHUNK
from falcohost_syscall.watched.paths import LONGEST_WATCHED, RULES, is_watchable

#: Falco's ring sizes by ``buf_size_preset``, in bytes.
SIZES = {number: 1 << 19 + number for number in range(1, 11)}
#: Without a preset: as much as a processor makes in some time, within bounds, in bytes.
OF_A_PROCESSOR, LEAST, MOST = SIZES[2], SIZES[3], SIZES[4]
#: Falco's default of ``falco_libs.snaplen``, for which 0 stands too, and its maximum; the probe has room for MOST_DATA.
SNAPLEN, LONGEST_SNAPLEN, MOST_DATA = 80, 65535, CHUNK


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the driver.

    :ivar ring_size: size of the ring of calls, in bytes.
    :ivar pushdown: the kernel filters out events that no rule can match.
    :ivar process_context: the kernel sends the processes that events need, instead of every fork.
    :ivar attach: ``auto`` and ``function`` observe calls at kernel functions where the kernel allows it, ``tracepoint``
        always at the tracepoint.
    :ivar only_successful: failed calls are not collected.
    :ivar snaplen: number of bytes that are collected of the data that calls read and write.
    :ivar all_names: a file has all its names, not only the requested one.
    :ivar watched: paths of files that are watched by inode; RULES stands for those in rules.
    :ivar btf: a file with the kernel's types, or a folder of such, for a kernel without BTF; empty: packages have one.
    :ivar base: calls to collect besides those that rules ask for, and calls not to collect.
    :ivar agent_pid: the supervisor, whose calls are ignored: otherwise a written alert would raise the next one.
    """

    ring_size: int = MOST
    agent_pid: int | None = None
    pushdown: bool = True
    process_context: bool = True
    attach: str = "auto"
    only_successful: bool = False
    snaplen: int = SNAPLEN
    all_names: bool = True
    watched: tuple[str, ...] = (RULES,)
    btf: str = ""
    base: BaseSyscalls = field(default_factory=BaseSyscalls)

    @property
    def process_ring_size(self) -> int:
        """Return the size of the ring of processes, in bytes: smaller, unless every fork is sent."""
        return max(self.ring_size // 2, SIZES[1]) if self.process_context else self.ring_size


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the driver's settings; *settings* is Falco's ``engine`` block, or has it as ``engine``.

    :raises ConfigError: a value is not valid.
    """
    own = engine(settings).get("modern_ebpf") or {}
    return Config(
        ring_size=_ring_size(own),
        agent_pid=settings.get("agent_pid"),
        pushdown=_switch(settings.get("falcohost"), "falcohost.pushdown", True),
        process_context=_switch(settings.get("falcohost"), "falcohost.process_context", True),
        attach=_word(settings, "attach", "auto", "function", "tracepoint"),
        only_successful=_switch(own, "engine.modern_ebpf.drop_failed_exit", False),
        snaplen=_snaplen(settings.get("falco_libs")),
        all_names=_word(settings, "names", "all", "requested") == "all",
        watched=_watched(settings.get("falcohost")),
        btf=_btf(settings.get("falcohost")),
        base=base_syscalls.parse(settings.get("base_syscalls")),
    )


def _ring_size(own: object) -> int:
    preset = own.get("buf_size_preset") if isinstance(own, Mapping) else "nothing"
    if preset is None:
        return default_ring_size(os.cpu_count() or 1)
    if not isinstance(preset, int) or preset not in SIZES:
        raise ConfigError(f"engine.modern_ebpf.buf_size_preset: expected a number from 1 to 10, not {preset!r}.")
    return SIZES[preset]


def default_ring_size(processors: int) -> int:
    """Return the size of the ring of calls for so many processors, in bytes, a power of two."""
    return min(max(1 << (processors * OF_A_PROCESSOR - 1).bit_length(), LEAST), MOST)


def _switch(block: Any, key: str, default: bool) -> bool:
    value = block.get(key.rpartition(".")[2], default) if isinstance(block, Mapping) else default
    if not isinstance(value, bool):
        raise ConfigError(f"{key}: expected true or false, not {value!r}.")
    return value


def _snaplen(block: Any) -> int:
    found = block.get("snaplen", SNAPLEN) if isinstance(block, Mapping) else SNAPLEN
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= LONGEST_SNAPLEN:
        raise ConfigError(f"falco_libs.snaplen: expected a number from 0 to {LONGEST_SNAPLEN}, not {found!r}.")
    return min(found or SNAPLEN, MOST_DATA)


def _word(settings: Mapping[str, Any], key: str, default: str, *others: str) -> str:
    block = settings.get("falcohost")
    found = block.get(key, default) if isinstance(block, Mapping) else default
    if found not in (default, *others):
        raise ConfigError(
            f"falcohost.{key}: expected {', '.join((default, *others[:-1]))} or {others[-1]}, not {found!r}."
        )
    return str(found)


def _btf(block: Any) -> str:
    found = block.get("btf") if isinstance(block, Mapping) else None
    if found is None:
        return ""
    if not isinstance(found, str) or not found.startswith("/"):
        raise ConfigError(f"falcohost.btf: expected the absolute path of a BTF file, or of a folder, not {found!r}.")
    return found


def _watched(block: Any) -> tuple[str, ...]:
    found = block.get("watch_inodes", [RULES]) if isinstance(block, Mapping) else [RULES]
    if not isinstance(found, list):
        raise ConfigError(f"falcohost.watch_inodes: expected a list such as [{RULES}, /etc/shadow], not {found!r}.")
    for path in found:
        if path != RULES and not (isinstance(path, str) and is_watchable(path)):
            raise ConfigError(
                f"falcohost.watch_inodes: expected {RULES} or an absolute path of at most {LONGEST_WATCHED} bytes, "
                f"not {path!r}."
            )
    return tuple(found)
