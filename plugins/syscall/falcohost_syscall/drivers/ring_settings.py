"""Settings of drivers with a ring for each processor (``engine``, ``falco_libs``, ``base_syscalls`` in falco.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from falcohost import ConfigError
from falcohost_syscall.calls import base_syscalls
from falcohost_syscall.calls.base_syscalls import BaseSyscalls
from falcohost_syscall.drivers.drivers import engine

#: The size of a processor's ring by ``buf_size_preset``, in bytes, and Falco's default.
SIZES: Final = {number: 1 << 19 + number for number in range(1, 11)}
DEFAULT_PRESET: Final = 4
#: Number of bytes that are collected of data, unless ``falco_libs.snaplen`` says another.
USUAL_SNAPLEN: Final = 80


def snaplen(block: Any) -> int:
    """Return ``falco_libs.snaplen``, the number of bytes that are collected of data.

    :raises ConfigError: it is not valid.
    """
    found = block.get("snaplen", USUAL_SNAPLEN) if isinstance(block, Mapping) else USUAL_SNAPLEN
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ConfigError(f"falco_libs.snaplen: expected a number from 0 to 65535, not {found!r}.")
    return found or USUAL_SNAPLEN


@dataclass(frozen=True, slots=True)
class RingSettings:
    """The settings of such a driver.

    :ivar ring_size: size of the ring of each processor, in bytes.
    :ivar only_successful: failed calls are not collected.
    :ivar snaplen: number of bytes that are collected of the data that calls read and write.
    :ivar base: calls to collect besides those that rules ask for, and calls not to collect.
    :ivar agent_pid: the supervisor, whose calls are ignored: otherwise a written alert would raise the next one.
    """

    ring_size: int
    only_successful: bool
    snaplen: int
    base: BaseSyscalls
    agent_pid: int | None


def parse(settings: Mapping[str, Any], kind: str, longest: int) -> RingSettings:
    """Return the settings of the driver of this *kind*, which collects at most *longest* bytes of data.

    :param settings: Falco's ``engine`` block, or what has it as ``engine``.
    :raises ConfigError: a value is not valid.
    """
    size, failed = _rings(settings, kind)
    return RingSettings(
        ring_size=size,
        only_successful=failed,
        snaplen=min(snaplen(settings.get("falco_libs")), longest),
        base=base_syscalls.parse(settings.get("base_syscalls")),
        agent_pid=settings.get("agent_pid"),
    )


def _rings(settings: Mapping[str, Any], kind: str) -> tuple[int, bool]:
    """Return the size of each ring in bytes, and whether failed calls are left out."""
    own = engine(settings).get(kind) or {}
    if not isinstance(own, Mapping):
        raise ConfigError(f"engine.{kind}: expected a mapping with keys such as buf_size_preset.")
    preset = own.get("buf_size_preset")
    preset = DEFAULT_PRESET if preset is None else preset
    if not isinstance(preset, int) or preset not in SIZES:
        raise ConfigError(f"engine.{kind}.buf_size_preset: expected a number from 1 to 10, not {preset!r}.")
    failed = own.get("drop_failed_exit", False)
    if not isinstance(failed, bool):
        raise ConfigError(f"engine.{kind}.drop_failed_exit: expected true or false, not {failed!r}.")
    return SIZES[preset], failed
