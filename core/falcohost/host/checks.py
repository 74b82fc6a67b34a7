"""Checks what a start checks, without a start: for ``falcohost doctor`` and ``--dry-run``.

Nothing is created, and no event is read. A source's own check may open its input and close it again.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from falcohost.engine.alerts import AlertMaker
from falcohost.engine.event_fields import hostname
from falcohost.engine.ruleset import Ruleset
from falcohost.errors import AddressTaken, FalcohostError, StateError
from falcohost.hookspecs import OutputSpec, RetriedProblem, SourceSpec
from falcohost.host.agent_options import AgentOptions
from falcohost.host.capturing.folder import folder_problem
from falcohost.host.config import Config
from falcohost.host.confine.rights import rights_problem
from falcohost.host.connection import Connection
from falcohost.host.enabled_subscribers import alert_format, check_names, enabled_outputs, make_consumer, make_output
from falcohost.host.listening import listens
from falcohost.host.open_files import open_files_problem
from falcohost.host.plugins import Plugins
from falcohost.host.response.binding import check_actions, check_bindings
from falcohost.host.settings import source_settings
from falcohost.host.sources import problem_of, settings_problems, sources_to_check
from falcohost.pipeline.lookups import LoadedLookup
from falcohost.store.directory import directory_problem, state_directory
from falcohost.store.limits import IN_MEMORY
from falcohost.store.store import Store
from falcohost.subscriber import SubscriberSpec
from falcohost.writable import write_problem

_VALID = "its settings are valid"

#: What the finding about the state directory is about.
STATE: Final = "state directory"


class Finding(Struct, frozen=True):
    """The result of one check.

    :ivar source: the name of the source, the plugin, or the part of falcohost.
    :ivar what: what was checked, as a statement that is true if all is well.
    :ivar problem: what is wrong and how to fix it; None: nothing.
    :ivar stops: a start fails because of the problem; otherwise it only warns.
    """

    source: str
    what: str
    problem: str | None
    stops: bool = True


def start_findings(
    config: Config, plugins: Plugins, ruleset: Ruleset | None, options: AgentOptions
) -> Iterator[Finding]:
    """Yield a finding for the state directory, captures, the pidfile, each output and subscriber, and each source.

    :param ruleset: the rules, which decide which sources are opened; None: they are not valid.
    """
    agent = running_agent(config.state.directory)
    problem = directory_problem(config.state.directory, ours=agent is not None, users=config.uids)
    yield Finding(STATE, "it can be used", problem, stops=False)
    if problem := rights_problem():
        yield Finding("privileges", "they suffice for users of the processes", problem)
    if problem := open_files_problem():
        yield Finding("open files", "enough of them are allowed", problem)
    if options.pidfile is not None and (reason := write_problem(options.pidfile)):
        yield Finding("pidfile", "it can be written", f"Could not write pid to pidfile {options.pidfile}: {reason}")
    yield from _outputs(config, plugins)
    yield from _subscribers(config, plugins)
    if config.response.enabled:
        problem = problem_of(lambda: _check_response(config, plugins, ruleset))
        yield Finding("actions", "what is bound is there", problem)
    if config.capture.enabled:
        yield Finding("captures", "they can be written", folder_problem(config.capture.prefix), stops=False)
    try:
        names = sources_to_check(config, plugins, ruleset, options)
    except FalcohostError as error:
        yield Finding("sources", "they can be chosen", str(error))
        return
    specs, settings = plugins.sources(), source_settings(plugins)
    wrong = settings_problems(names, plugins)
    for name, problem in wrong.items():
        yield Finding(name, _VALID, problem)
    found = {name: list(_source(specs[name], settings[name], agent)) for name in names if name not in wrong}
    needed = [name for name in found if ruleset is None or ruleset.enabled(name) or name in options.enable_sources]
    for lookup in plugins.lookups().values():
        if any(map(lookup.spec.is_for, found)):
            yield from _lookup(lookup)
    one_opens = any(all(one.problem is None or not one.stops for one in found[name]) for name in needed or found)
    for finding in itertools.chain.from_iterable(found.values()):
        # As long as one source opens, the agent runs, and tries the others again.
        yield replace(finding, stops=finding.stops and not one_opens)


def running_agent(state: str) -> int | None:
    """Return the process id of the agent that uses the state directory *state*; None if none is running."""
    try:
        connection = Connection(state_directory(state))
    except (StateError, OSError):
        return None
    with contextlib.closing(connection):
        return connection.supervisor


def _outputs(config: Config, plugins: Plugins) -> Iterator[Finding]:
    """Yield a finding for each enabled output."""
    try:
        outputs = enabled_outputs(config.outputs, plugins.outputs())
        check_names(plugins, config.outputs)
    except FalcohostError as error:
        yield Finding("outputs", "they can be used", str(error))
        return
    for name, spec in outputs.items():
        problem = _output_problem(spec, name, config)
        stops = not isinstance(problem, RetriedProblem)
        yield Finding(f"output {name}", "it can be opened", problem, stops=stops)


def _output_problem(spec: OutputSpec, name: str, config: Config) -> str | None:
    block = config.outputs.enabled[name].block
    if spec.check is not None:
        return spec.check(block)
    return problem_of(lambda: make_output(spec, block, alert_format(name, config)).close())


def _subscribers(config: Config, plugins: Plugins) -> Iterator[Finding]:
    """Yield a finding for each subscriber other than outputs."""
    offered = [(plugin.settings, spec) for plugin in plugins.loaded for spec in plugin.subscribers]
    if not offered:
        return
    maker = AlertMaker(hostname(), iso8601=config.alerts.iso_8601)
    with contextlib.closing(Store(None, IN_MEMORY)) as store:
        for settings, spec in offered:
            problem = problem_of(functools.partial(_make_and_close, spec, settings, store, maker))
            yield Finding(f"subscriber {spec.name}", "it can be made", problem)


def _check_response(config: Config, plugins: Plugins, ruleset: Ruleset | None) -> None:
    check_actions(config.response, plugins)
    if ruleset is not None:
        check_bindings(config.response, ruleset)


def _make_and_close(spec: SubscriberSpec, settings: Mapping[str, Any], store: Store, maker: AlertMaker) -> None:
    make_consumer(spec, settings, store, maker).close()


def _lookup(lookup: LoadedLookup) -> Iterator[Finding]:
    """Yield what the own check of a lookup finds."""
    try:
        yield from [Finding(f"lookup {lookup.name}", what, problem, stops=False) for what, problem in lookup.checked()]
    except Exception as error:
        yield Finding(f"lookup {lookup.name}", "its check runs", f"{type(error).__name__}: {error}", stops=False)


def _source(spec: SourceSpec, settings: Mapping[str, Any], agent: int | None) -> Iterator[Finding]:
    """Yield what the own check of a source finds whose settings are valid."""
    try:
        found = [
            Finding(spec.name, what, problem, stops=not isinstance(problem, RetriedProblem))
            for what, problem in _own_check(spec, settings)
        ]
    except AddressTaken as error:
        if agent is not None and listens(agent, error.port):
            yield Finding(spec.name, "its address is available: the running agent listens on it", None)
        else:
            yield Finding(spec.name, "its address is available", str(error))
        return
    except Exception as error:
        yield Finding(spec.name, "its check runs", f"{type(error).__name__}: {error}")
        return
    yield from found or [Finding(spec.name, _VALID, None)]


def _own_check(spec: SourceSpec, settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    return () if spec.check is None else spec.check(settings)
