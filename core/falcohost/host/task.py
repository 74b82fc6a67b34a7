"""The task of a worker: what it makes of the plain data that it gets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from falcohost.credentials import VARIABLE as CREDENTIALS
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.buffers import show_as_base64
from falcohost.environment import BASE, let_programs_have, selected
from falcohost.errors import PluginError
from falcohost.events import SourceLoader
from falcohost.hookspecs import SourceSpec
from falcohost.host.encoded_rules import decode_plan, decode_rules
from falcohost.host.plugins import Plugins, load_data
from falcohost.host.worker_data import LoaderData, WorkerData, as_texts, unseal
from falcohost.pipeline.fold import Make
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import PipelineConfig
from falcohost.retries import run_on_demand
from falcohost.settings import AGENT_PID
from falcohost.specs import DropPolicy

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
    :ivar make: returns the alert of a rule that matched.
    :ivar decode: returns the rules in new data for the same source.
    :ivar config: the pipeline's configuration.
    :ivar drops: what to do about lost events; None: nothing but count them.
    """

    spec: SourceSpec
    settings: Mapping[str, Any]
    rules: Rules
    make: Make
    decode: Callable[[WorkerData], Rules]
    config: PipelineConfig
    drops: DropPolicy | None = None


def make_load_task(data: LoaderData, agent: int) -> LoadTask:
    """Load the plugins in *data*; return the task of the source's loader. See :func:`make_task`.

    :raises PluginError: a plugin cannot be loaded, or its source has no loader.
    """
    plugins = load_data(data.plugins, as_texts(data.static), ())  # rules, and so fields, are asked for rarely
    spec, settings = _spec(plugins, data.source), _settings(plugins, data.source, agent)
    load, ask = spec.load, spec.ask
    if load is None or ask is None:
        raise PluginError(f"the source '{data.source}' has no loader in its process, but had one where rules are read")

    def ask_now(data: WorkerData) -> bytes:
        whole = load_data(data.plugins, as_texts(data.static), _OF_SOURCES)
        return ask(settings, decode_plan(data.rules, data.source, whole)) or b""

    return LoadTask(lambda: load(settings), ask_now, spec.load_capabilities or frozenset())


def make_task(data: WorkerData, agent: int) -> Task:
    """Load the plugins and the rules in *data*; return the task.

    :param agent: the id of the process that writes the alerts.
    :raises PluginError: a plugin cannot be loaded.
    :raises ValueError: the rules are not for the fields of these plugins.
    """
    plugins = load_data(data.plugins, as_texts(data.static), _OF_SOURCES)
    spec, settings = _spec(plugins, data.source), _settings(plugins, data.source, agent)

    def decode(data: WorkerData) -> Rules:
        return decode_rules(data.rules, data.source, plugins, first=data.first)

    show_as_base64(data.base64)
    run_on_demand(data.once)
    make = AlertMaker(data.hostname, iso8601=data.iso8601).make
    drops = None if spec.drops is None else spec.drops(settings)
    return Task(spec, settings, decode(data), make, decode, data.pipeline, drops)


def limit_environment(data: WorkerData | LoaderData) -> None:
    """Give this process, and the programs that it starts, the environment that is meant for them."""
    limited = {**selected(os.environ, (*BASE, CREDENTIALS)), **as_texts(data.environment)}
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
