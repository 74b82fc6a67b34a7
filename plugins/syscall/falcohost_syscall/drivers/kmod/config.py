"""Parses the settings of the driver (``engine.kmod``, ``falco_libs`` and ``base_syscalls`` in falco.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from falcohost import ConfigError
from falcohost_syscall.calls import base_syscalls
from falcohost_syscall.calls.base_syscalls import BaseSyscalls
from falcohost_syscall.drivers.drivers import engine
from falcohost_syscall.drivers.kmod.interface import LONGEST_SNAPLEN

#: The size of a processor's ring by ``buf_size_preset``, in bytes, and Falco's default.
SIZES: Final = {number: 1 << 19 + number for number in range(1, 11)}
_DEFAULT: Final = 4
_SNAPLEN: Final = 80


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the driver.

    :ivar ring_size: size of the ring of each processor, in bytes.
    :ivar only_successful: failed calls are not collected.
    :ivar snaplen: number of bytes that are collected of the data that calls read and write.
    :ivar base: calls to collect besides those that rules ask for, and calls not to collect.
    :ivar agent_pid: the supervisor, whose calls are ignored: otherwise a written alert would raise the next one.
    """

    ring_size: int = SIZES[_DEFAULT]
    only_successful: bool = False
    snaplen: int = _SNAPLEN
    base: BaseSyscalls = field(default_factory=BaseSyscalls)
    agent_pid: int | None = None


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the driver's settings; *settings* is Falco's ``engine`` block, or has it as ``engine``.

    :raises ConfigError: a value is not valid.
    """
    own = engine(settings).get("kmod") or {}
    if not isinstance(own, Mapping):
        raise ConfigError("engine.kmod: expected a mapping with keys such as buf_size_preset.")
    preset = own.get("buf_size_preset")
    preset = _DEFAULT if preset is None else preset
    if not isinstance(preset, int) or preset not in SIZES:
        raise ConfigError(f"engine.kmod.buf_size_preset: expected a number from 1 to 10, not {preset!r}.")
    failed = own.get("drop_failed_exit", False)
    if not isinstance(failed, bool):
        raise ConfigError(f"engine.kmod.drop_failed_exit: expected true or false, not {failed!r}.")
    return Config(
        ring_size=SIZES[preset],
        only_successful=failed,
        snaplen=_snaplen(settings.get("falco_libs")),
        base=base_syscalls.parse(settings.get("base_syscalls")),
        agent_pid=settings.get("agent_pid"),
    )


def _snaplen(block: Any) -> int:
    found = block.get("snaplen", _SNAPLEN) if isinstance(block, Mapping) else _SNAPLEN
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ConfigError(f"falco_libs.snaplen: expected a number from 0 to 65535, not {found!r}.")
    return min(found or _SNAPLEN, LONGEST_SNAPLEN)
