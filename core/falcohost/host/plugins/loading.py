"""Loads plugins (those that the configuration names, or all of ours) and calls their hooks.

Importing a plugin runs it, with all rights of this process. So a plugin of another distribution is imported only if the
configuration or the command line names it, and if no other user may change its files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from falcohost.errors import PluginError
from falcohost.host.extras import BY_KEY, DEFAULT, hints_for, owner
from falcohost.host.plugin_settings import PluginSettings
from falcohost.host.plugins.found import imported, installed, is_ours, mend, provider, require_trusted, the_one
from falcohost.host.plugins.offers import Plugin, Plugins
from falcohost.host.plugins.registry import Candidate, HookAnswer, Registry
from falcohost.host.plugins.told import Answers, of_plugin, told_settings
from falcohost.log import log
from falcohost.pipeline.lookups import LoadedLookup

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

NOTHING = PluginSettings()

#: Hooks that are called once, by the attribute of :class:`Plugin` that holds the answers: first those that define the
#: settings; then, after sources and fields, those that may depend on settings.
_FIRST = {
    "config_keys": "falcohost_config_keys",
    "stands_for": "falcohost_stands_for",
    "drivers": "falcohost_drivers",
}
_THEN = {
    "rules": "falcohost_rules",
    "outputs": "falcohost_outputs",
    "subscribers": "falcohost_subscribers",
    "actions": "falcohost_actions",
    "lookups": "falcohost_lookups",
    "commands": "falcohost_commands",
}
FIELDS = "fields"
#: What plugins offer besides sources and drivers, as attributes of :class:`Plugin`.
OFFERS = frozenset({FIELDS, *_THEN})


def load_plugins(names: Iterable[str], told: PluginSettings = NOTHING, *, strict: bool = True) -> Plugins:
    """Load the default plugins, those whose key is configured, and *names*, which may be Falco's for one of ours.

    :param told: the plugins' part of the configuration.
    :param strict: refuse a value of a plugin's key that is not valid; otherwise it is in :attr:`Plugins.refused`.
    :raises PluginError: a plugin is not installed, or two distributions provide it.
    :raises ConfigError: the value of a plugin's key is not valid.
    """
    known = installed()
    names = list(names)
    own = [name if name in known else owner(name) for name in names]
    by_key = [name for name in BY_KEY if told.has(name)]
    wanted = list(dict.fromkeys([*(name for name in (*DEFAULT, *by_key) if name in known), *own]))
    plugins = _load_each([the_one(name, known) for name in wanted if name in known], told, strict=strict)
    for name in names:
        if name not in known and name not in plugins.stands_for():
            raise PluginError(f"no plugin called '{name}' is installed{mend(owner(name), known)}")
    return plugins


def load_others(names: Iterable[str], told: PluginSettings = NOTHING) -> Plugins:
    """Load those of *names* that come from distributions other than falcohost.

    :raises PluginError: two distributions provide the same plugin.
    :raises ConfigError: the value of a plugin's key is not valid.
    """
    known = installed()
    entries = [the_one(name, known) for name in dict.fromkeys(names) if name in known]
    return _load_each([entry for entry in entries if not is_ours(entry)], told)


def load_all(told: PluginSettings = NOTHING, *, strict: bool = True, others: bool = False) -> Plugins:
    """Load all of falcohost's plugins, and those that *told* names; one that two distributions provide is left out.

    :param told: the plugins' part of the configuration.
    :param others: also load all other installed ones.
    :param strict: refuse a value of a plugin's key that is not valid; otherwise it is in :attr:`Plugins.refused`.
    :raises ConfigError: the value of a plugin's key is not valid.
    """
    left_out: dict[str, str] = {}
    entries = []
    known = installed()
    for name in known:
        try:
            entry = the_one(name, known)
        except PluginError as error:
            left_out[name] = str(error)
            continue
        if others or is_ours(entry) or name in told.named:
            entries.append(entry)
    return _load_each(entries, told, left_out, strict=strict)


def not_imported(plugins: Plugins) -> dict[str, tuple[str, str]]:
    """Return the distributions and versions of the installed plugins that are not among *plugins*, by name."""
    known = {plugin.name for plugin in plugins.loaded} | plugins.left_out.keys()
    return {name: provider(entries[0]) for name, entries in installed().items() if name not in known}


def install_hints(plugins: Plugins) -> dict[str, str]:
    """Return, for each plugin and source that is not among *plugins*, how to get it."""
    return hints_for([plugin.name for plugin in plugins.loaded], plugins.left_out, installed())


def _load_each(
    entries: Iterable[EntryPoint],
    told: PluginSettings,
    left_out: Mapping[str, str] | None = None,
    *,
    strict: bool = True,
) -> Plugins:
    failed = dict(left_out or {})
    candidates: list[Candidate] = []
    for entry in entries:
        try:
            if not (told.trusted or is_ours(entry)):
                require_trusted(entry)
            candidates.append(imported(entry))
        except PluginError as error:
            failed[entry.name] = str(error)
    return gather(candidates, told, failed, strict=strict)


def ask(
    name: str, module: Any, distribution: str, version: str, settings: Mapping[str, Any] = MappingProxyType({})
) -> Plugin:
    """Return what the plugin *module* (any object with hooks) offers, given *settings* and no other plugin.

    :raises PluginError: its hooks are malformed, or one raises.
    """
    plugins = gather([Candidate(name, module, distribution, version, settings)])
    if plugins.left_out:
        raise PluginError(plugins.left_out[name])
    return plugins.loaded[0]


def gather(
    candidates: Iterable[Candidate],
    told: PluginSettings = NOTHING,
    left_out: Mapping[str, str] = MappingProxyType({}),
    *,
    strict: bool = True,
    offers: Collection[str] = OFFERS,
) -> Plugins:
    """Register *candidates*, call hooks, and return what the plugins offer; a plugin that raises is left out.

    :param offers: only the hooks are called that define settings or sources, and those for these :data:`OFFERS`.
    :param strict: refuse a value of a plugin's key that is not valid; otherwise it is in :attr:`Plugins.refused`.
    :raises PluginError: two plugins add the same configuration key or driver.
    :raises ConfigError: the value of a plugin's key is not valid.
    """
    candidates = list(candidates)
    registry = Registry()
    registry.register(candidates)
    answers = {attribute: _ask(registry, hook) for attribute, hook in _FIRST.items()}
    refused: dict[str, str] = {}
    registry.settings |= told_settings(candidates, answers, told, None if strict else refused)
    answers["sources"] = _ask(registry, "falcohost_sources")
    sources = {spec.name: answer.plugin for answer in answers["sources"] for spec in answer.items}
    asked = sources if FIELDS in offers else {}
    fields = {source: _ask_fields(registry, source, plugin) for source, plugin in asked.items()}
    answers |= {attribute: _ask(registry, hook) if attribute in offers else [] for attribute, hook in _THEN.items()}
    loaded = [candidate for candidate in candidates if candidate.name not in registry.left_out]
    return Plugins(
        tuple(_plugin(one, registry.settings[one.name], answers, fields) for one in loaded),
        {**left_out, **registry.left_out},
        {attribute: list(dict.fromkeys(answer.plugin for answer in found)) for attribute, found in answers.items()},
        frozenset(registry.misconfigured),
        told.static,
        refused,
    )


def _plugin(one: Candidate, settings: Mapping[str, Any], answers: Answers, fields: Answers) -> Plugin:
    offered: dict[str, Any] = {attribute: of_plugin(one.name, found) for attribute, found in answers.items()}
    offered["lookups"] = tuple(LoadedLookup(spec, settings) for spec in offered["lookups"])
    of_sources = {source: of_plugin(one.name, found) for source, found in fields.items()}
    return Plugin(
        name=one.name,
        distribution=one.distribution,
        version=one.version,
        settings=settings,
        fields={source: found for source, found in of_sources.items() if found},
        **offered,
    )


def _ask(registry: Registry, hook: str) -> list[HookAnswer]:
    """Call *hook* and return the answers; plugins that raise are left out from then on."""
    answers, raised = registry.ask(hook)
    for name, error in raised.items():
        registry.leave_out(name, error)
    return answers


def _ask_fields(registry: Registry, source: str, owned_by: str) -> list[HookAnswer]:
    """Return the fields of *source*; a plugin that raises for its own source is left out, for another it adds none."""
    answers, raised = registry.ask("falcohost_fields", source=source)
    for name, error in raised.items():
        if name == owned_by:
            registry.leave_out(name, error)
        else:
            log.error("plugin '%s' adds no fields to '%s': %s: %s", name, source, type(error).__name__, error)
    return answers
