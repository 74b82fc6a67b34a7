"""Parses the settings of the driver (``engine.ebpf``, ``falco_libs`` and ``base_syscalls`` in falco.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from falcohost_syscall.calls import base_syscalls
from falcohost_syscall.calls.base_syscalls import BaseSyscalls
from falcohost_syscall.drivers.ring_settings import DEFAULT_PRESET, SIZES, USUAL_SNAPLEN, ring_settings, snaplen

#: Most bytes that the program collects of data.
_LONGEST: Final = 4095


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the driver; members are those of kmod's."""

    only_successful: bool = False
    ring_size: int = SIZES[DEFAULT_PRESET]
    snaplen: int = USUAL_SNAPLEN
    base: BaseSyscalls = field(default_factory=BaseSyscalls)
    agent_pid: int | None = None


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the driver's settings; *settings* is Falco's ``engine`` block, or has it as ``engine``.

    :raises ConfigError: a value is not valid.
    """
    size, failed = ring_settings(settings, "ebpf")
    return Config(
        only_successful=failed,
        ring_size=size,
        snaplen=min(snaplen(settings.get("falco_libs")), _LONGEST),
        base=base_syscalls.parse(settings.get("base_syscalls")),
        agent_pid=settings.get("agent_pid"),
    )
