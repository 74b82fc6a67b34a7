"""What a plugin may offer, in the order in which falcohost asks.

A plugin is a module (or any object) that is named by an entry point in the group ``falcohost.plugins`` and implements
some of these hooks with ``falcohost.hookimpl``. Every hook is called at start-up; none runs per event. A plugin
*returns* what it has; importing it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pluggy

from falcohost.alert import Alert, AlertFormat
from falcohost.events import Plan, Source
from falcohost.fields import Field
from falcohost.lookups import LookupSpec
from falcohost.specs import CommandSpec, ConfigKey, DriverSpec, DropPolicy
from falcohost.subscriber import SubscriberSpec

hookspec = pluggy.HookspecMarker("falcohost")
hookimpl = pluggy.HookimplMarker("falcohost")


@dataclass(frozen=True, slots=True)
class EventParam:
    """A parameter of an event type: its *name*, Falco's name of its *type*, and the names of its *flags*."""

    name: str
    type: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """An event source that a plugin offers.

    :ivar name: what rules say in ``source:`` (``syscall``).
    :ivar description: one line that ends with a full stop.
    :ivar make: called in the worker process with the plugin's settings, and with ``agent_pid`` beside them, the process
        that writes the alerts; returns the source, unopened.
    :ivar event_types: the values that ``evt.type`` can have, or None where the source does not say.
    :ivar on_request: those among them that a rule gets only if it names them, since they come too often.
    :ivar event_params: what ``--list-events`` calls: returns the parameters of each event type.
    :ivar capabilities: Linux capabilities that the source keeps once it is open (``CAP_BPF``); all others are dropped.
        None: it runs as an unprivileged user.
    :ivar check: what ``falcohost doctor`` calls: yields (what, None if well else what is wrong and what mends it). It
        raises :class:`AddressTaken` where somebody listens already, who may be the agent that runs.
    :ivar drops: returns, for a source that cannot rewind, what is done about events that it has lost.
    :ivar off: returns a sentence if the settings keep the source from being opened, else None.
    :ivar reads_files: it can read the files that ``open_params`` names, so that ``falcohost run FILE`` makes sense.
    :ivar secrets: returns the files with certificates and secrets that the source reads when it is opened, a change of
        which has it opened again; raises :class:`SourceError` if they cannot be used. Called by who may read them.
    :ivar pushed: what ``falcohost rules explain`` calls with the plan that one rule makes: yields (of which events,
        what of the rule the source decides, or reads, before they are the engine's).
    """

    name: str
    description: str
    make: Callable[[Mapping[str, Any]], Source]
    event_types: frozenset[str] | None = None
    on_request: frozenset[str] = frozenset()
    event_params: Callable[[], Mapping[str, Sequence[EventParam]]] | None = None
    capabilities: frozenset[str] | None = None
    check: Callable[[Mapping[str, Any]], Iterable[tuple[str, str | None]]] | None = None
    drops: Callable[[Mapping[str, Any]], DropPolicy] | None = None
    off: Callable[[Mapping[str, Any]], str | None] | None = None
    reads_files: bool = True
    secrets: Callable[[Mapping[str, Any]], Iterable[Path]] | None = None
    pushed: Callable[[Plan], Iterable[tuple[str, str]]] | None = None


class Output(Protocol):
    """Takes alerts somewhere. Retry, back-off and order are the host's, not the output's."""

    def deliver(self, alerts: list[Alert]) -> None:
        """Return when all *alerts* are accepted.

        :raises OutputError: they were not; the host tries again.
        """

    def reopen(self) -> None:
        """Close and open again what is open (SIGUSR1, log rotation)."""

    def close(self) -> None:
        """Flush and release everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """An output that a plugin offers.

    :ivar name: its block in the configuration is ``<name>_output`` with ``enabled: true``.
    :ivar description: one line that ends with a full stop.
    :ivar make: called with that block, and with what writes an alert as the configuration says; returns the output.
    """

    name: str
    description: str
    make: Callable[[Mapping[str, Any], AlertFormat], Output]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandsFor:
    """A Falco plugin that this plugin replaces, so that ``required_plugin_versions`` is met.

    :ivar name: that plugin's name.
    :ivar version: the version whose rules run on this one.
    """

    name: str
    version: str


@hookspec
def falcohost_config_keys() -> Iterable[ConfigKey]:  # type: ignore[empty-body]
    """Return the keys of the configuration that this plugin brings.

    Called once, first. Values are checked, and those that are not there filled in, before any other hook is called;
    they are in the plugin's settings. Settings that belong to one source, such as what is to be opened, are better kept
    in the plugin's block of ``plugins:``, which needs no keys.

    :raises PluginError: two plugins offer one key, or one is falcohost's own.
    """


@hookspec
def falcohost_stands_for() -> Iterable[StandsFor]:  # type: ignore[empty-body]
    """Return the Falco plugins that this one stands in for."""


@hookspec
def falcohost_drivers() -> Iterable[DriverSpec]:  # type: ignore[empty-body]
    """Return drivers for a source of this or another plugin. Provisional.

    Called once. The plugin of the source has them in its settings.

    :raises PluginError: two plugins offer one.
    """


@hookspec
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:  # type: ignore[empty-body]
    """Return the event sources of this plugin.

    Called once. falcohost joins every plugin's answers. *settings* is the plugin's own configuration, for one whose
    sources are named there; leave it out of your hook if the sources are always the same.

    :raises PluginError: two plugins offer one source.
    """


@hookspec
def falcohost_fields(source: str, settings: Mapping[str, Any]) -> Iterable[Field] | None:
    """Return the fields that this plugin adds to the event source *source*.

    Called once per loaded source, before any rule is compiled. Every plugin's answer counts; falcohost joins them.
    *settings* is the plugin's own configuration; leave it out of your hook if it does not matter.

    :raises PluginError: two plugins declare the same name.
    """


@hookspec
def falcohost_rules() -> Iterable[Path]:  # type: ignore[empty-body]
    """Return rules files that this plugin ships; loaded before the user's when no ``rules_files`` are configured."""


@hookspec
def falcohost_outputs() -> Iterable[OutputSpec]:  # type: ignore[empty-body]
    """Return the outputs of this plugin.

    Called once, after the rules are loaded.

    :raises PluginError: two plugins offer one output.
    """


@hookspec
def falcohost_subscribers(settings: Mapping[str, Any]) -> Iterable[SubscriberSpec]:  # type: ignore[empty-body]
    """Return what else takes alerts, to correlate them or to act on them. Provisional.

    Called once. *settings* is the plugin's own configuration; leave it out of your hook if it does not matter.

    :raises PluginError: two plugins offer one subscriber.
    """


@hookspec
def falcohost_lookups(settings: Mapping[str, Any]) -> Iterable[LookupSpec]:  # type: ignore[empty-body]
    """Return the lookups of this plugin, which add facts to the events of sources (provisional).

    Called once, before any rule is compiled. *settings* is the plugin's own configuration; leave it out of your hook if
    it does not matter.

    :raises PluginError: a key or field does not fit its source, or two lookups have one field.
    """


@hookspec
def falcohost_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Return commands below ``falcohost``. Provisional.

    Called when the help or the shell lists commands, or one is typed that is not falcohost's own; then of the plugins
    that the configuration names.

    :raises PluginError: two plugins offer one, or it is falcohost's own.
    """
