"""The plugin ``syscall``: the hooks through which it offers its source, fields, drivers, rules and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcohost import (
    ConfigKey,
    DriverSpec,
    DropPolicy,
    EventParam,
    Field,
    Plan,
    Source,
    SourceSpec,
    hookimpl,
)
from falcohost.recording import Recorder
from falcohost_syscall.calls.base_syscalls import COSTLY
from falcohost_syscall.calls.rows import BY_NAME, NOT_BY_DEFAULT
from falcohost_syscall.captured import CAPTURED
from falcohost_syscall.config_keys import KEYS, NO_DRIVER
from falcohost_syscall.drivers import drivers
from falcohost_syscall.fields.container import IN_CAPTURES, NOWHERE
from falcohost_syscall.fields.rows import FIELDS

if TYPE_CHECKING:
    from falcohost_syscall.pushdown.certain import Certain

#: Version of the plugin API that this plugin uses.
falcohost_api = 1

SOURCE = "syscall"
_RULES = Path(__file__).parent / "rules"


def _make(settings: Mapping[str, Any]) -> Source:
    from falcohost_syscall.source import SyscallSource

    return SyscallSource(settings)


def _event_types(settings: Mapping[str, Any]) -> frozenset[str]:
    if not drivers.replays(settings):
        return frozenset(BY_NAME)
    from falcohost_syscall.scap.captured_rows import ROWS

    return frozenset(ROWS)


def _event_params() -> Mapping[str, Sequence[EventParam]]:
    from falcohost_syscall.calls.event_list import event_params

    return event_params()


def _check(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    check = drivers.configured(settings).check
    return () if check is None else check(settings)


def _pushed(plan: Plan) -> Iterable[tuple[str, str]]:
    from falcohost_syscall.pushdown.told import pushed

    return pushed(plan)


def _unfiltered(plan: Plan) -> Iterable[tuple[str, str]]:
    from falcohost_syscall.pushdown.told import unfiltered

    return unfiltered(plan)


def _certain() -> Certain:
    from falcohost_syscall.pushdown.certain import Certain

    return Certain()


def _drops(settings: Mapping[str, Any]) -> DropPolicy:
    from falcohost_syscall.drops import policy

    return policy(settings)


def _recorder(source: Source) -> Recorder:
    from falcohost_syscall.source import recorder_of

    return recorder_of(source)


def _off(settings: Mapping[str, Any]) -> str | None:
    if settings["engine"]["kind"] != NO_DRIVER:
        return None
    return f"Enabled event source '{SOURCE}' will be opened with no driver, no event will be produced"


@hookimpl
def falcohost_config_keys() -> Iterable[ConfigKey]:
    """Return the configuration keys of the source."""
    return KEYS


@hookimpl
def falcohost_drivers() -> Iterable[DriverSpec]:
    """Return the drivers."""
    return drivers.DRIVERS


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Return the source."""
    return (
        SourceSpec(
            name=SOURCE,
            description="System calls of this machine, seen by eBPF when they return.",
            make=_make,
            event_types=_event_types(settings),
            on_request=NOT_BY_DEFAULT,
            costly={} if drivers.replays(settings) else COSTLY,
            absent=NOWHERE if drivers.replays(settings) else NOWHERE | IN_CAPTURES,
            event_params=_event_params,
            capabilities=drivers.capabilities(settings),
            helpers=drivers.helpers(settings),
            load=drivers.loader,
            ask=drivers.ask,
            asked_with=drivers.asked_with,
            load_capabilities=drivers.load_capabilities(settings),
            sentinel=drivers.sentinel(settings),
            modules=drivers.modules(settings),
            check=_check,
            drops=_drops,
            off=_off,
            reads_files=False,
            pushed=_pushed,
            unfiltered=_unfiltered,
            certain=_certain,
            recorder=_recorder,
            recorded=CAPTURED,
            platforms=frozenset({"Linux", "Containers"}),
        ),
    )


@hookimpl
def falcohost_fields(source: str) -> Iterable[Field] | None:
    """Return the fields of the source."""
    return FIELDS if source == SOURCE else None


@hookimpl
def falcohost_rules() -> Iterable[Path]:
    """Return the rules files that come with the plugin."""
    return sorted(_RULES.glob("*.yaml"))
