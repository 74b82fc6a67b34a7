"""Lists the drivers that come with this plugin, and chooses one by ``engine.kind``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from falcohost import ConfigError, DriverSpec, Plan, SourceLoader
from falcohost.by_name import called_by_name
from falcohost.helpers import HelperSpec
from falcohost.needs import INSPECT
from falcohost_syscall.drivers.driver import Driver

KEY: Final = "engine.kind"
_REPLAY: Final = "replay"
DEFAULT: Final = "modern_ebpf"
_PACKAGE: Final = "falcohost_syscall"
_DRIVER: Final = f"drivers.{DEFAULT}"
#: The first kernel on which whoever has the descriptor of a map may use it, without CAP_BPF, and the first with that.
_OPEN_MAPS, _CAP_BPF = (5, 19), (5, 8)
# To load programs and attach them, and to look at files that rules name; more is needed only until the probe is loaded.
_LOADING: Final = frozenset({"CAP_BPF", "CAP_PERFMON", "CAP_DAC_READ_SEARCH"})
#: The name of the helper that reads /proc.
PROC: Final = "proc"


def _reading() -> frozenset[str]:
    """Return the capabilities that it takes to use maps."""
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    release = tuple(int(number) for number in numbers if number.isdigit())
    if release >= _OPEN_MAPS:
        return frozenset()
    return frozenset({"CAP_BPF" if release >= _CAP_BPF else "CAP_SYS_ADMIN"})


def _make_modern_ebpf(settings: Mapping[str, Any]) -> Driver:
    from falcohost_syscall.drivers.modern_ebpf.driver import ModernEbpf

    return ModernEbpf(settings)


def _load_modern_ebpf(settings: Mapping[str, Any]) -> SourceLoader:
    from falcohost_syscall.drivers.modern_ebpf.loader import Loader

    return Loader(settings, sentinel=True, alone=True)


def _ask_modern_ebpf(settings: Mapping[str, Any], plan: Plan) -> bytes:
    from falcohost_syscall.drivers.modern_ebpf import asked, config

    found = config.parse(settings)
    # The loader, which asks anew when accounts change, has another agent, and needs no filters for a start.
    return asked.ask(found, plan, compiled=found.agent_pid in (None, os.getpid()))


def _modern_ebpf_asked_with(settings: Mapping[str, Any]) -> object:
    from falcohost_syscall.processes.users import contents, stamps

    return stamps(), contents(), os.uname().machine, os.uname().release


def _check_modern_ebpf(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_syscall.drivers.modern_ebpf import config
    from falcohost_syscall.drivers.modern_ebpf.requirements import requirements

    return requirements(config.parse(settings).btf)


def _make_kmod(settings: Mapping[str, Any]) -> Driver:
    from falcohost_syscall.drivers.kmod.driver import KernelModule

    return KernelModule(settings)


def _load_kmod(settings: Mapping[str, Any]) -> SourceLoader:
    from falcohost_syscall.drivers.kmod.loader import Loader

    return Loader(settings)


def _ask_kmod(settings: Mapping[str, Any], plan: Plan) -> bytes:
    from falcohost_syscall.drivers.kmod import asked

    return asked.ask(asked.parsed(settings), plan)


def _check_kmod(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_syscall.drivers.kmod.module import requirements

    return requirements()


def _make_ebpf(settings: Mapping[str, Any]) -> Driver:
    from falcohost_syscall.drivers.legacy_ebpf.driver import LegacyEbpf

    return LegacyEbpf(settings)


def _check_ebpf(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_syscall.drivers.legacy_ebpf.bcc import requirements

    return requirements()


def _make_replay(settings: Mapping[str, Any]) -> Driver:
    from falcohost_syscall.drivers.replay.driver import Replay

    return Replay(settings)


def _check_replay(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_syscall.drivers.replay.driver import check

    return check(settings)


_PROC_HELPER: Final = HelperSpec(
    name=PROC,
    serve="falcohost_syscall.processes.proc_helper:serve",
    capabilities=frozenset({"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"}),
    calls=frozenset({INSPECT}),
)
_LISTING_HELPER: Final = replace(_PROC_HELPER, modules=("falcohost_syscall.processes.listing",))

DRIVERS: Final = (
    DriverSpec(
        name=DEFAULT,
        description="System calls of this machine, observed with eBPF programs when they return.",
        chosen_by=KEY,
        make=_make_modern_ebpf,
        check=_check_modern_ebpf,
        helpers=(_PROC_HELPER,),
        capabilities=_reading(),
        load=_load_modern_ebpf,
        ask=_ask_modern_ebpf,
        asked_with=_modern_ebpf_asked_with,
        load_capabilities=_LOADING,
        sentinel=f"{_PACKAGE}.{_DRIVER}.sentinel:call",
        modules=tuple(
            f"{_PACKAGE}.{name}" for name in ("plugin", "source", "drops", f"{_DRIVER}.driver", f"{_DRIVER}.loader")
        ),
    ),
    DriverSpec(
        name="ebpf",
        description="System calls of this machine, observed with eBPF programs that BCC compiles; experimental.",
        chosen_by=KEY,
        make=_make_ebpf,
        check=_check_ebpf,
        helpers=(_LISTING_HELPER,),
        capabilities=_reading(),
    ),
    DriverSpec(
        name="kmod",
        description="System calls of this machine, observed with Falco's kernel module.",
        chosen_by=KEY,
        make=_make_kmod,
        check=_check_kmod,
        helpers=(_LISTING_HELPER,),
        capabilities=frozenset(),
        load=_load_kmod,
        ask=_ask_kmod,
        load_capabilities=frozenset(),
        modules=tuple(f"{_PACKAGE}.{name}" for name in ("plugin", "source", "drivers.kmod.driver")),
    ),
    DriverSpec(
        name=_REPLAY,
        description="The events of a capture of Falco or sysdig (.scap).",
        chosen_by=KEY,
        make=_make_replay,
        check=_check_replay,
    ),
)


def engine(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return Falco's ``engine`` block, which *settings* has or is.

    :raises ConfigError: the block is not a mapping.
    """
    found = settings.get("engine", settings)
    if not isinstance(found, Mapping):
        raise ConfigError("engine: expected a mapping with keys such as kind and modern_ebpf.")
    return found


def configured(settings: Mapping[str, Any]) -> DriverSpec:
    """Return the driver that ``engine.kind`` names, among those in *settings* or, without those, this plugin's.

    :raises ConfigError: no driver has this name.
    """
    found = _named(settings)
    if found is None:
        names = " or ".join(_offered(settings))
        raise ConfigError(f"{KEY}: there is no driver {_kind(settings)!r}; use {names}.")
    return found


def capabilities(settings: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the capabilities that the configured driver keeps once it is open; None if it needs no privileges."""
    found = _named(settings)
    return None if found is None else found.capabilities


def helpers(settings: Mapping[str, Any]) -> tuple[HelperSpec, ...]:
    """Return the helpers of the configured driver."""
    found = _named(settings)
    return () if found is None else found.helpers


def load_capabilities(settings: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the capabilities that the process keeps that has loaded what the configured driver reads."""
    found = _named(settings)
    return None if found is None else found.load_capabilities


def sentinel(settings: Mapping[str, Any]) -> str:
    """Return the function that causes the sentinel events of the configured driver; empty if it has none."""
    found = _named(settings)
    return "" if found is None else found.sentinel


def checks(spec: DriverSpec, settings: Mapping[str, Any]) -> bool:
    """Check the settings as the driver does, but without importing it; return whether that is possible.

    :raises ConfigError: they are not valid.
    """
    if spec.make is not _make_modern_ebpf:
        return False
    from falcohost_syscall.drivers.modern_ebpf import config

    config.parse(settings)
    return True


def modules(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the modules that the processes of the configured driver need."""
    found = _named(settings)
    return () if found is None else found.modules


@called_by_name("load", capabilities=_LOADING)
def loader(settings: Mapping[str, Any]) -> SourceLoader:
    """Return what loads, in another process, what the configured driver reads.

    :raises ConfigError: no driver has the configured name, or there is nothing to load.
    """
    found = configured(settings)
    if found.load is None:
        raise ConfigError(f"the driver {found.name} loads nothing")
    loader: SourceLoader = found.load(settings)
    return loader


def ask(settings: Mapping[str, Any], plan: Plan) -> bytes | None:
    """Return what *plan* asks of the process that has loaded what the configured driver reads; None without one.

    :raises ConfigError: no driver has the configured name, or a setting is not valid.
    """
    found = configured(settings).ask
    return None if found is None else found(settings, plan)


def replays(settings: Mapping[str, Any]) -> bool:
    """Return whether the events are those of a capture."""
    return _kind(settings) == _REPLAY


def _named(settings: Mapping[str, Any]) -> DriverSpec | None:
    return _offered(settings).get(_kind(settings))


def _offered(settings: Mapping[str, Any]) -> Mapping[str, DriverSpec]:
    return settings.get("drivers") or {driver.name: driver for driver in DRIVERS}


def _kind(settings: Mapping[str, Any]) -> str:
    return str(engine(settings).get("kind", DEFAULT))


def asked_with(settings: Mapping[str, Any]) -> object:
    """Return what the answer of :func:`ask` depends on beside rules and settings; None if that is not known.

    :raises ConfigError: no driver has the configured name.
    """
    found = configured(settings).asked_with
    return None if found is None else found(settings)
