"""The hooks that a plugin can implement, in the order in which falcohost calls them.

A plugin is a module (or any object) that an entry point in the group ``falcohost.plugins`` names, and that implements
some of these hooks with ``falcohost.hookimpl``. falcohost calls them at start-up, never per event. A plugin *returns*
what it offers; importing it has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pluggy

from falcohost.action import ActionSpec
from falcohost.alert import Alert, AlertFormat
from falcohost.engine.ir import Check, Exists
from falcohost.events import Plan, Source, SourceLoader
from falcohost.fields import Field
from falcohost.helpers import HelperSpec
from falcohost.lookups import LookupSpec
from falcohost.recording import Recorded, Recorder
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


class RetriedProblem(str):
    """A problem that a check has found, after which a start goes on: what has it is tried again by itself.

    For example an API that is down, which must not keep the agent from starting or from taking a new configuration.
    """

    __slots__ = ()


class Certain(Protocol):
    """Says what is certain of checks before anything has happened. Provisional."""

    def fixed(self, event_type: str, check: Check | Exists) -> bool | None:
        """Return what *check* is for each event of this type; None: that differs, or is not known."""

    def implied(self, event_type: str, check: Check | Exists) -> Iterable[Check | Exists]:
        """Return further checks that are true of each event of this type for which *check* is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """An event source that a plugin offers.

    :ivar name: the name that rules give in ``source:`` (``syscall``).
    :ivar description: one line that ends with a full stop.
    :ivar make: called in the worker process with the plugin's settings plus ``agent_pid``, the id of the process that
        writes the alerts; returns the source, unopened. Also called where the configuration is read, to check the
        settings: if it raises, the agent does not start.
    :ivar event_types: the values that ``evt.type`` can have; None: not known.
    :ivar on_request: event types so frequent that only rules that name them get them.
    :ivar costly: by event type, what a rule costs that names it, as a part of a sentence. Rules that do get a warning.
        Provisional.
    :ivar absent: the names of its fields that have no value in any event as it is configured; a rule that needs one
        gets a warning, unless a lookup fills them. Provisional.
    :ivar event_params: called by ``--list-events``; returns the parameters of each event type.
    :ivar capabilities: Linux capabilities that the source keeps once it is open (``CAP_BPF``); all others are dropped.
        None: it runs as an unprivileged user.
    :ivar helpers: processes that do for the source what takes rights that it should not have. Provisional.
    :ivar load: called with the same settings in a process of its own; returns what prepares in the kernel what the
        worker reads. Its process stays, with the user of the agent; the worker finds the descriptors in
        :mod:`falcohost.kept` and may end at any time: the next one goes on with them. With the mark
        ``called_by_name("load")`` (:mod:`falcohost.by_name`) the process need not ask the plugin for the function.
    :ivar ask: called with the same settings where the rules are read; returns what they ask of *load*, which does not
        get the rules, or None if there is nothing to load.
    :ivar asked_with: called with the same settings before *ask*; returns as plain data what its answer depends on
        besides rules and the plugin's settings, such as accounts of the machine. Then answers are kept in the rules
        cache, until one of these or the plugin's code changes. None, also returned: nothing is kept. Provisional.
    :ivar load_capabilities: the capabilities that this process keeps.
    :ivar sentinel: the function, as ``module:name`` with the mark ``called_by_name("sentinel")``
        (:mod:`falcohost.by_name`), with which the agent causes a sentinel event (:mod:`falcohost.sentinel`). It is
        called once a second, as root, with the number of the event; it must return at once, and raise nothing.
        Provisional.
    :ivar modules: modules that its processes need. They are imported once, before the processes are forked, and must do
        nothing but define names.
    :ivar check: called by ``falcohost doctor`` and ``--dry-run``; yields pairs of what was checked, and None or a
        sentence that says what is wrong and how to fix it. Raises :class:`AddressTaken` if the address is in use,
        perhaps by a running agent. A :class:`RetriedProblem` does not stop a start. *make* has been called before,
        and what it raises is told instead.
    :ivar drops: for a source that cannot rewind: returns what to do about lost events.
    :ivar off: returns a sentence if the settings switch the source off, else None.
    :ivar reads_files: it can read the files that ``open_params`` names, so that ``falcohost run FILE`` works with it.
    :ivar secrets: returns the files with certificates and secrets that the source reads when it is opened; when one of
        them changes, the source is opened again. Raises :class:`SourceError` if one cannot be used. Called in the
        worker before *make*, and in a process of its own when a file has changed; both may read the files.
    :ivar environment: names of the environment variables that the source reads; ``*`` stands for any characters. Its
        worker gets these, those that every process has (``PATH``, ``HOME``, ``LANG``, ``TZ`` …), and those that the
        configuration names for the plugin. A program that it starts does not get these.
    :ivar settings: returns the part of the plugin's settings that this source needs, for a plugin whose sources have
        settings of their own; its worker gets no other. Without it the worker gets all settings of the plugin.
    :ivar pushed: called by ``falcohost rules explain`` with the plan of a single rule; yields pairs of which events,
        and which part of the rule the source decides or reads for them.
    :ivar unfiltered: called by ``falcohost rules lint`` with the plan of a single rule; yields the frequent event types
        of which the source passes on every event because of it, each with the reason. Provisional.
    :ivar certain: called by ``falcohost rules test --coverage``; returns what is certain of checks, with which it
        proves that one cannot decide. Provisional.
    :ivar recorder: called by ``falcohost record``, and in a worker that records captures, with the open source; returns
        what turns its events into a file. Raises :class:`SourceError` if these settings do not allow that. Provisional.
    :ivar recorded: what a worker collects for captures. Provisional.
    :ivar platforms: the platforms that its events tell of, as MITRE ATT&CK calls them (``Linux``, ``IaaS``);
        ``falcohost rules attack`` finds by them which techniques it could show. Provisional.
    """

    name: str
    description: str
    make: Callable[[Mapping[str, Any]], Source]
    event_types: frozenset[str] | None = None
    on_request: frozenset[str] = frozenset()
    costly: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    event_params: Callable[[], Mapping[str, Sequence[EventParam]]] | None = None
    capabilities: frozenset[str] | None = None
    helpers: tuple[HelperSpec, ...] = ()
    load: Callable[[Mapping[str, Any]], SourceLoader] | None = None
    ask: Callable[[Mapping[str, Any], Plan], bytes | None] | None = None
    asked_with: Callable[[Mapping[str, Any]], object] | None = None
    load_capabilities: frozenset[str] | None = None
    sentinel: str = ""
    modules: tuple[str, ...] = ()
    check: Callable[[Mapping[str, Any]], Iterable[tuple[str, str | None]]] | None = None
    drops: Callable[[Mapping[str, Any]], DropPolicy] | None = None
    off: Callable[[Mapping[str, Any]], str | None] | None = None
    reads_files: bool = True
    secrets: Callable[[Mapping[str, Any]], Iterable[Path]] | None = None
    environment: tuple[str, ...] = ()
    settings: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    pushed: Callable[[Plan], Iterable[tuple[str, str]]] | None = None
    unfiltered: Callable[[Plan], Iterable[tuple[str, str]]] | None = None
    certain: Callable[[], Certain] | None = None
    recorder: Callable[[Source], Recorder] | None = None
    recorded: Recorded | None = None
    platforms: frozenset[str] = frozenset()


class Output(Protocol):
    """Delivers alerts. Retries, back-off and order are the host's task, not the output's."""

    def deliver(self, alerts: list[Alert]) -> None:
        """Deliver *alerts*; return once all of them are accepted.

        :raises OutputError: they were not accepted; the host tries again.
        :raises OutputRefused: some of them never will be; all others were accepted.
        """

    def reopen(self) -> None:
        """Close and reopen files and connections (SIGUSR1, log rotation)."""

    def close(self) -> None:
        """Flush and release everything."""


@runtime_checkable
class PartwiseOutput(Output, Protocol):
    """An output that says during a delivery how far it has come (provisional).

    The host does not deliver again what has arrived, even if the output's process is killed during the delivery.
    """

    def deliver_parts(self, alerts: list[Alert]) -> Iterator[int]:
        """Deliver *alerts* like :meth:`deliver`; yield now and then how many of the first of them have arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """An output that a plugin offers.

    :ivar name: its block in the configuration is ``<name>_output``; ``enabled: true`` switches it on.
    :ivar description: one line that ends with a full stop.
    :ivar make: called with that block and with the configured format of alerts; returns the output.
    :ivar check: called by ``falcohost doctor`` and ``--dry-run`` with that block; returns a sentence that says why the
        output cannot be opened, or None, and changes nothing. A :class:`RetriedProblem` does not stop a start: for
        example, a server is down. Without *check* they call *make*, and close the output.
    :ivar files: called with that block; returns the paths of files that :func:`falcohost.appending.open_appending`
        opens for the output as the agent's user, also when the output itself has no privileges any more. Provisional.
    :ivar connects: called with that block; returns the addresses that the output connects to, as ``host:port``. A rule
        about connections does not see them, or each of its alerts would raise the next one. Provisional.
    """

    name: str
    description: str
    make: Callable[[Mapping[str, Any], AlertFormat], Output]
    check: Callable[[Mapping[str, Any]], str | None] | None = None
    files: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
    connects: Callable[[Mapping[str, Any]], Iterable[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandsFor:
    """A Falco plugin that this plugin replaces, so that it meets rules' ``required_plugin_versions``.

    :ivar name: that plugin's name.
    :ivar version: the version whose rules run on this one.
    """

    name: str
    version: str


@hookspec
def falcohost_config_keys() -> Iterable[ConfigKey]:  # type: ignore[empty-body]
    """Return the configuration keys that this plugin adds.

    Called once, before any other hook. falcohost checks the values, fills in defaults and adds them to the plugin's
    settings. Keep settings of a single source, such as what to open, in the plugin's block of ``plugins:`` instead;
    they need no keys.

    :raises PluginError: two plugins add the same key, or it is one of falcohost's own.
    """


@hookspec
def falcohost_stands_for() -> Iterable[StandsFor]:  # type: ignore[empty-body]
    """Return the Falco plugins that this one replaces."""


@hookspec
def falcohost_drivers() -> Iterable[DriverSpec]:  # type: ignore[empty-body]
    """Return drivers for a source of this or another plugin. Provisional.

    Called once. The source's plugin receives them in its settings.

    :raises PluginError: two plugins offer a driver of the same name.
    """


@hookspec
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:  # type: ignore[empty-body]
    """Return the event sources of this plugin.

    Called once; the answers of all plugins are joined. *settings* is the plugin's own configuration, for plugins whose
    sources are named there; leave it out of your hook if the sources are always the same.

    :raises PluginError: two plugins offer a source of the same name.
    """


@hookspec
def falcohost_fields(source: str, settings: Mapping[str, Any]) -> Iterable[Field] | None:
    """Return the fields that this plugin adds to the event source *source*.

    Called once per loaded source, before any rule is compiled; the answers of all plugins are joined. *settings* is the
    plugin's own configuration; leave it out of your hook if you do not need it.

    :raises PluginError: two plugins add a field of the same name.
    """


@hookspec
def falcohost_rules() -> Iterable[Path]:  # type: ignore[empty-body]
    """Return the rules files that this plugin ships; they are loaded when no ``rules_files`` are configured."""


@hookspec
def falcohost_outputs() -> Iterable[OutputSpec]:  # type: ignore[empty-body]
    """Return the outputs of this plugin.

    Called once, after the rules are loaded.

    :raises PluginError: two plugins offer an output of the same name.
    """


@hookspec
def falcohost_subscribers(settings: Mapping[str, Any]) -> Iterable[SubscriberSpec]:  # type: ignore[empty-body]
    """Return subscribers: objects that receive alerts to correlate them or to act on them. Provisional.

    Called once. *settings* is the plugin's own configuration; leave it out of your hook if you do not need it.

    :raises PluginError: two plugins offer a subscriber of the same name.
    """


@hookspec
def falcohost_actions(settings: Mapping[str, Any]) -> Iterable[ActionSpec]:  # type: ignore[empty-body]
    """Return actions: what is done about alerts of the rules that the configuration binds them to. Provisional.

    Called once. *settings* is the plugin's own configuration; leave it out of your hook if you do not need it.

    :raises PluginError: two plugins offer an action of the same name.
    """


@hookspec
def falcohost_lookups(settings: Mapping[str, Any]) -> Iterable[LookupSpec]:  # type: ignore[empty-body]
    """Return the lookups of this plugin, which add facts to the events of sources. Provisional.

    Called once, before any rule is compiled. *settings* is the plugin's own configuration; leave it out of your hook if
    you do not need it.

    :raises PluginError: a key or field does not fit its source, or two lookups add the same field.
    """


@hookspec
def falcohost_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Return subcommands of ``falcohost``. Provisional.

    Called for the plugins that the configuration names, and only when the help or shell completion lists commands or
    when the user types a command that is not falcohost's own.

    :raises PluginError: two plugins offer a command of the same name, or it is one of falcohost's own.
    """
