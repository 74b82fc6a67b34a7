"""Parses the settings of the driver (``engine.kmod``, ``falco_libs`` and ``base_syscalls`` in falco.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falcohost_syscall.calls import base_syscalls
from falcohost_syscall.calls.base_syscalls import BaseSyscalls
from falcohost_syscall.drivers.kmod.interface import LONGEST_SNAPLEN
from falcohost_syscall.drivers.ring_settings import DEFAULT_PRESET, SIZES, USUAL_SNAPLEN, ring_settings, snaplen


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the driver.

    :ivar ring_size: size of the ring of each processor, in bytes.
    :ivar only_successful: failed calls are not collected.
    :ivar snaplen: number of bytes that are collected of the data that calls read and write.
    :ivar base: calls to collect besides those that rules ask for, and calls not to collect.
    :ivar agent_pid: the supervisor, whose calls are ignored: otherwise a written alert would raise the next one.
    """

    ring_size: int = SIZES[DEFAULT_PRESET]
    only_successful: bool = False
    snaplen: int = USUAL_SNAPLEN
    base: BaseSyscalls = field(default_factory=BaseSyscalls)
    agent_pid: int | None = None


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the driver's settings; *settings* is Falco's ``engine`` block, or has it as ``engine``.

    :raises ConfigError: a value is not valid.
    """
    size, failed = ring_settings(settings, "kmod")
    return Config(
        ring_size=size,
        only_successful=failed,
        snaplen=min(snaplen(settings.get("falco_libs")), LONGEST_SNAPLEN),
        base=base_syscalls.parse(settings.get("base_syscalls")),
        agent_pid=settings.get("agent_pid"),
    )
