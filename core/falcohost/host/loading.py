"""Loads plugins and rules as configured, and logs what was loaded and what was wrong."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from falcohost.engine.catalog import Catalog
from falcohost.errors import ConfigError, PluginError, RulesError
from falcohost.host.catalogs import catalogs, costly, event_types
from falcohost.host.config import Config
from falcohost.host.config.rules import RulesConfig, rules_files
from falcohost.host.extras import DEFAULT, owner
from falcohost.host.own_paths import own_lists
from falcohost.host.plugins import Plugins, install_hints, installed, load_plugins
from falcohost.host.version import falcohost_version
from falcohost.log import log
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.cache import RulesCache
from falcohost.rules.cache_files import rules_directory
from falcohost.rules.codes import WarningCode
from falcohost.rules.loaded import Loaded, LoadOptions, read_file
from falcohost.rules.people import problem_for_people
from falcohost.rules.profiles import left_out
from falcohost.rules.results import FileResult, Problem
from falcohost_rules import shared_rules

if TYPE_CHECKING:
    from falcohost.rules.loader import LoadOutcome

_UNUSED = (WarningCode.LOAD_UNUSED_MACRO, WarningCode.LOAD_UNUSED_LIST)

#: Values of ``-p`` that Falco ignores.
_IGNORED_SUFFIXES = ("c", "container", "k", "kubernetes")


def configured_plugins(config: Config) -> Plugins:
    """Load the plugins that the configuration names, and those whose output it enables; log those that fail.

    :raises PluginError: one of these is not installed or refuses its configuration, or two distributions provide it.
    """
    named = plugin_names(config)
    plugins = load_plugins(named, config.for_plugins)
    _check_loaded(plugins, {name if name in installed() else owner(name) for name in named})
    for name in config.plugins.names:
        if name in config.plugins.blocks and config.plugins.blocks[name].library_path:
            log.info("Loaded plugin '%s'; its library_path is ignored, falcohost's plugins are Python packages", name)
    return plugins


def plugin_names(config: Config) -> list[str]:
    """Return the plugins that the configuration names, and those whose output it enables."""
    return [*config.plugins.names, *(name for name in config.outputs.kinds if name in installed())]


def _check_loaded(plugins: Plugins, named: Set[str]) -> None:
    """Log the plugins that were left out.

    :raises PluginError: a *named* one refuses its configuration, so that what it was to watch would not be watched.
    """
    wrong = sorted(plugins.misconfigured & named)
    if wrong:
        raise PluginError("\n".join(f"{plugins.left_out[name]}; falcohost does not start without it" for name in wrong))
    for reason in plugins.left_out.values():
        log.error("%s", reason)


def load_configured_rules(
    config: Config, plugins: Plugins, given: Sequence[str] = (), suffix: str | None = None
) -> LoadOutcome:
    """Load the rules files *given*, else those of the configuration, else those that plugins ship.

    :raises RulesError: a file cannot be read.
    :raises ConfigError: there is no rules file.
    """
    outcome = load_files(files_to_load(config.rules, plugins, given), plugins, config, suffix)
    _log_files(outcome.results)
    return outcome


def load_to_run(config: Config, plugins: Plugins, files: Sequence[str], suffix: str | None = None) -> Loaded:
    """Load *files*, but only what is needed to run, and from the cache if possible.

    :raises RulesError: a file cannot be read.
    """
    directory = rules_directory() if config.rules.cache else None
    if directory is None:
        return load_configured_rules(config, plugins, files, suffix)
    texts = [read_file(file) for file in files]
    versions = (falcohost_version(), *(f"{plugin.name} {plugin.version}" for plugin in plugins.loaded))
    cache = RulesCache(directory, versions)
    fields = catalogs(plugins)
    _warn_of_absent_fields(config.rules.append, fields)
    with _gc_paused():
        loaded = cache.load(texts, fields, _options(plugins, config, files, suffix))
    _log_files(loaded.results)
    return loaded


def load_files(files: Sequence[str], plugins: Plugins, config: Config, suffix: str | None = None) -> LoadOutcome:
    """Load *files* in order.

    :raises RulesError: one cannot be read.
    """
    from falcohost.rules.loader import load_rules

    texts = [read_file(file) for file in files]
    fields = catalogs(plugins)
    _warn_of_absent_fields(config.rules.append, fields)
    with _gc_paused():
        return load_rules(texts, fields, _options(plugins, config, files, suffix))


def _warn_of_absent_fields(append: Iterable[AppendOutput], fields: Mapping[str, Catalog]) -> None:
    """Warn of fields in ``append_output`` that need an argument and have none; Falco accepts them."""
    names = {(extra.source, name) for extra in append for name, form in extra.extra_fields if form is None}
    for source, name in sorted(names):
        if any(fields[one].absent(name) is not None for one in fields if source in ("", one)):
            log.warning(
                "append_output: the extra field %s has no value, since it needs an argument: %s[...]", name, name
            )


@contextlib.contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector: loading allocates much that stays and hardly any cycles.

    Afterwards the collector leaves out what there is: to walk all rules again and again would take as long as loading.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _options(plugins: Plugins, config: Config, files: Sequence[str], suffix: str | None) -> LoadOptions:
    rules = config.rules
    return LoadOptions(
        append_output=(*rules.append, *_suffix(suffix)),
        selections=(*left_out(rules.profile, set(files).intersection(_shipped(plugins))), *rules.selections),
        minimum_priority=rules.minimum,
        event_types=event_types(plugins),
        costly=costly(plugins),
        plugins=plugins.stands_for(),
        install_hints=install_hints(plugins),
        lists=own_lists(config, plugins, files),
    )


def _log_files(results: Iterable[FileResult]) -> None:
    log.info("Loading rules from:")
    for result in results:
        log.info("   %s | schema validation: %s", result.name, result.schema_status)


def log_warnings(results: Sequence[FileResult], plugins: Plugins) -> None:
    """Log each warning of loading once, and all unused macros and lists in one line, without those that are shipped."""
    shipped = set(_shipped(plugins))
    seen = set()
    for problem in _warnings(results):
        text = problem_for_people(problem)
        if text not in seen:
            seen.add(text)
            log.warning("%s", text)
    unused = [
        _name(problem)
        for result in results[-1:]
        for problem in result.warnings
        if problem.code in _UNUSED and problem.context.locations[-1].where not in shipped
    ]
    if unused:
        log.info("Macros and lists that no rule uses: %s", ", ".join(unused))


def _warnings(results: Iterable[FileResult]) -> Iterator[Problem]:
    """Yield all warnings except those about unused names, which a later file may use."""
    for result in results:
        yield from (problem for problem in result.warnings if problem.code not in _UNUSED)


def _name(problem: Problem) -> str:
    return problem.context.locations[-1].name


def files_to_load(
    rules: RulesConfig, plugins: Plugins, given: Sequence[str] = (), wanted: Callable[[str], bool] = lambda source: True
) -> list[str]:
    """Return the rules files *given*, or else those of the configuration, or else those shipped for *wanted* sources.

    If the configuration wants the shipped ones as well, these come first.

    :raises RulesError: one of them does not exist.
    :raises ConfigError: there is no file at all.
    """
    if given:
        own = rules_files(given)
        if not own:
            raise RulesError(f"there is no rules file in {', '.join(given)}: names of rules files end in .yaml or .yml")
    else:
        own = [] if rules.files is None else rules_files(rules.files, rules.places)
    shipped = _shipped_for(plugins, wanted) if rules.shipped or not (given or rules.files is not None) else []
    files = [*(file for file in shipped if file not in own), *own]
    if not files:
        raise ConfigError(
            "You must specify at least one rules file/directory via -r or a rules_files entry in the configuration"
        )
    return files


def _shipped_for(plugins: Plugins, wanted: Callable[[str], bool]) -> list[str]:
    """Return the shipped files, without those of default plugins of which no source is wanted; all if none is left."""
    idle = {
        str(path)
        for plugin in plugins.loaded
        if plugin.name in DEFAULT and not any(wanted(spec.name) for spec in plugin.sources)
        for path in plugin.rules
    }
    own = [path for path in plugins.rules() if path not in idle]
    return [*own, *map(str, shared_rules([*filter(wanted, plugins.sources())]))] or _shipped(plugins)


def _shipped(plugins: Plugins) -> list[str]:
    return [*plugins.rules(), *map(str, shared_rules(plugins.sources()))]


def _suffix(suffix: str | None) -> tuple[AppendOutput, ...]:
    if suffix is None:
        return ()
    log.warning("-p is deprecated, use -o append_output[]... instead")
    return () if suffix in _IGNORED_SUFFIXES else (AppendOutput(extra_output=suffix),)
