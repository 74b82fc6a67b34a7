"""The drivers that come with this plugin, and the choice of one by ``engine.kind``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from falcohost import ConfigError, DriverSpec
from falcohost_syscall.drivers.driver import Driver

KEY: Final = "engine.kind"
DEFAULT: Final = "modern_ebpf"


def _make_modern_ebpf(settings: Mapping[str, Any]) -> Driver:
    from falcohost_syscall.drivers.modern_ebpf.driver import ModernEbpf

    return ModernEbpf(settings)


def _check_modern_ebpf(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_syscall.drivers.modern_ebpf.requirements import requirements

    return requirements()


DRIVERS: Final = (
    DriverSpec(
        name=DEFAULT,
        description="System calls of this machine, seen by eBPF programs when they return.",
        chosen_by=KEY,
        make=_make_modern_ebpf,
        check=_check_modern_ebpf,
    ),
)


def engine(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return Falco's ``engine`` block, which *settings* are or have.

    :raises ConfigError: it is none.
    """
    found = settings.get("engine", settings)
    if not isinstance(found, Mapping):
        raise ConfigError("engine: expected keys such as kind and modern_ebpf.")
    return found


def configured(settings: Mapping[str, Any]) -> DriverSpec:
    """Return the driver that ``engine.kind`` names, of those in *settings*, or else of this plugin's.

    :raises ConfigError: there is none.
    """
    drivers: Mapping[str, DriverSpec] = settings.get("drivers") or {driver.name: driver for driver in DRIVERS}
    kind = engine(settings).get("kind", DEFAULT)
    if kind not in drivers:
        raise ConfigError(f"{KEY}: falcohost has no engine {kind!r}; set it to {' or '.join(drivers)}.")
    return drivers[kind]
