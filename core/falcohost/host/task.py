"""The task of a worker: what it makes of the plain data that it gets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from falcohost.credentials import VARIABLE as CREDENTIALS
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.buffers import show_as_base64
from falcohost.environment import BASE, let_programs_have, selected, without_base
from falcohost.errors import PluginError
from falcohost.events import SourceLoader
from falcohost.hookspecs import SourceSpec
from falcohost.host.capturing.data import CaptureData
from falcohost.host.capturing.kept import kept
from falcohost.host.confine.files import know_package
from falcohost.host.encoded_rules import decode_plan, decode_rules
from falcohost.host.functions import function
from falcohost.host.plugins import Plugins, load_data
from falcohost.host.worker_data import LoaderData, WorkerData, as_texts, unseal
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import PipelineConfig
from falcohost.retries import run_on_demand
from falcohost.settings import AGENT_PID
from falcohost.specs import DropPolicy

_T = TypeVar("_T")

#: What plugins offer to a source.
_OF_SOURCES: Final = ("fields", "lookups")


@dataclass(frozen=True, slots=True)
class LoadTask:
    """Everything that the loader of a source needs.

    :ivar load: returns what prepares in the kernel what the source reads.
    :ivar ask: returns what the rules in the data ask for now.
    :ivar capabilities: what it keeps.
    """

    load: Callable[[], SourceLoader]
    ask: Callable[[WorkerData], bytes]
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that a worker needs to run one source.

    :ivar settings: the source's settings.
    :ivar maker: makes the alert of a rule that matched.
    :ivar decode: returns the rules in new data for the same source.
    :ivar config: the pipeline's configuration.
    :ivar capture: how captures are recorded; None: none are. *kept*: says whether an event is kept before any alert.
    :ivar actions: the names of the rules that cause actions; None: nobody takes any.
    :ivar drops: what to do about lost events; None: nothing but count them.
    """

    spec: SourceSpec
    settings: Mapping[str, Any]
    rules: Rules
    maker: AlertMaker
    decode: Callable[[WorkerData], Rules]
    config: PipelineConfig
    drops: DropPolicy | None = None
    actions: tuple[str, ...] | None = None
    capture: CaptureData | None = None
    kept: Callable[[Any], object] | None = None


def make_load_task(data: LoaderData, agent: int) -> LoadTask:
    """Load the plugins in *data*; return the task of the source's loader. See :func:`make_task`.

    :raises PluginError: a plugin cannot be loaded, or its source has no loader.
    """
    load: Callable[[Mapping[str, Any]], Any]
    settings: Mapping[str, Any]
    if data.loading is not None:
        capabilities = frozenset(data.loading.capabilities)
        load = _function(data.loading.function, capabilities)
        settings = {**json.loads(data.loading.settings), AGENT_PID: agent}
        for one in data.plugins:
            know_package(one.entry.partition(":")[0])  # ask_now loads it when this process is confined
    else:
        plugins = load_data(data.plugins, as_texts(data.static), ())
        spec, settings = _spec(plugins, data.source), _settings(plugins, data.source, agent)
        load, capabilities = _in_its_process(spec.load, data.source), spec.load_capabilities or frozenset()

    def ask_now(data: WorkerData) -> bytes:  # which is rare
        whole = load_data(data.plugins, as_texts(data.static), _OF_SOURCES)
        ask = _in_its_process(_spec(whole, data.source).ask, data.source)
        also = b"" if data.capture is None else data.capture.rules
        return ask(_settings(whole, data.source, agent), decode_plan(data.rules, data.source, whole, also)) or b""

    return LoadTask(lambda: load(settings), ask_now, capabilities)


def _function(name: str, capabilities: frozenset[str]) -> Callable[[Mapping[str, Any]], Any]:
    try:
        return function(name, "load", capabilities)
    except PluginError:
        raise
    except Exception as error:
        mend = "it has changed since the agent was started; restart the agent"
        raise PluginError(f"{name} cannot be called: {type(error).__name__}: {error}; {mend}") from error


def _in_its_process(hook: _T | None, source: str) -> _T:
    if hook is None:
        raise PluginError(f"the source '{source}' has no loader in its process, but had one where rules are read")
    return hook


def make_task(data: WorkerData, agent: int) -> Task:
    """Load the plugins and the rules in *data*; return the task.

    :param agent: the id of the process that writes the alerts.
    :raises PluginError: a plugin cannot be loaded.
    :raises ValueError: the rules are not for the fields of these plugins.
    """
    plugins = load_data(data.plugins, as_texts(data.static), _OF_SOURCES)
    spec, settings = _spec(plugins, data.source), _settings(plugins, data.source, agent)

    def decode(data: WorkerData) -> Rules:
        also = b"" if data.capture is None else data.capture.rules
        return decode_rules(data.rules, data.source, plugins, first=data.first, also=also)

    show_as_base64(data.base64)
    run_on_demand(data.once)
    maker = AlertMaker(data.hostname, iso8601=data.iso8601)
    drops = None if spec.drops is None else spec.drops(settings)
    is_kept = None if data.capture is None else kept(data.capture, data.source, plugins)
    rules = decode(data)
    return Task(spec, settings, rules, maker, decode, data.pipeline, drops, data.actions, data.capture, is_kept)


def limit_environment(data: WorkerData | LoaderData) -> None:
    """Give this process, and the programs that it starts, the environment that is meant for them."""
    limited = {**selected(os.environ, (*BASE, CREDENTIALS)), **without_base(as_texts(data.environment))}
    os.environ.clear()
    os.environ.update(limited)
    let_programs_have(data.programs)


def check_secrets(descriptor: int) -> None:
    """Check the files with certificates and secrets of the source whose data is in a memfd.

    :raises FalcohostError: one cannot be used.
    """
    data = unseal(descriptor)
    limit_environment(data)
    plugins = load_data(data.plugins, as_texts(data.static), ())
    secrets = _spec(plugins, data.source).secrets
    if secrets is not None:
        list(secrets(_settings(plugins, data.source, os.getppid())))


def _spec(plugins: Plugins, source: str) -> SourceSpec:
    try:
        return plugins.sources()[source]
    except KeyError:
        names = ", ".join(plugin.name for plugin in plugins.loaded)
        reason = "hooks have to give the same answers in each process, from the settings alone"
        raise PluginError(f"no plugin offers the source '{source}' in its worker ({names}): {reason}") from None


def _settings(plugins: Plugins, source: str, agent: int) -> dict[str, Any]:
    return {**plugins.owner(source).settings, AGENT_PID: agent}
