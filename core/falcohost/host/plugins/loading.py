"""Loads plugins: those that the configuration names, or all that are installed, asked by one registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any, TypeAlias

from falcohost.errors import PluginError
from falcohost.host.extras import hints_for, owner
from falcohost.host.plugins.found import imported, installed, mend, the_one
from falcohost.host.plugins.offers import Plugin, Plugins
from falcohost.host.plugins.registry import Answer, Candidate, Registry
from falcohost.log import log
from falcohost.pipeline.lookups import LoadedLookup

#: The plugin that is there without being configured.
ALWAYS = ("syscall",)

#: The configuration of plugins, by their names.
Settings: TypeAlias = Mapping[str, Mapping[str, Any]]

#: Answers by attribute of :class:`Plugin`, or by source.
_Answers: TypeAlias = Mapping[str, Sequence[Answer]]

#: The hooks that are called once, each with the attribute of :class:`Plugin` that has the answer.
_ONCE = {
    "falcohost_sources": "sources",
    "falcohost_rules": "rules",
    "falcohost_stands_for": "stands_for",
    "falcohost_outputs": "outputs",
    "falcohost_subscribers": "subscribers",
    "falcohost_lookups": "lookups",
}


def load_plugins(names: Iterable[str], settings: Settings = MappingProxyType({})) -> Plugins:
    """Import and ask those that are always there and *names*, which may be names of Falco plugins that are stood for.

    *settings* has the configuration of each plugin by its name.

    :raises PluginError: a name is not installed, or claimed by two distributions.
    """
    known = installed()
    names = list(names)
    own = [name if name in known else owner(name) for name in names]
    wanted = list(dict.fromkeys([*(name for name in ALWAYS if name in known), *own]))
    plugins = _load_each([the_one(name, known) for name in wanted if name in known], settings)
    for name in names:
        if name not in known and name not in plugins.stands_for():
            raise PluginError(f"no plugin called '{name}' is installed{mend(owner(name), known)}")
    return plugins


def load_all(settings: Settings = MappingProxyType({})) -> Plugins:
    """Import and ask every plugin that is installed, with the *settings* of each; one that clashes is left out."""
    left_out: dict[str, str] = {}
    entries = []
    known = installed()
    for name in known:
        try:
            entries.append(the_one(name, known))
        except PluginError as error:
            left_out[name] = str(error)
    return _load_each(entries, settings, left_out)


def install_hints(plugins: Plugins) -> dict[str, str]:
    """Return, for each plugin and source that is not among *plugins*, what would bring it."""
    return hints_for([plugin.name for plugin in plugins.loaded], plugins.left_out, installed())


def _load_each(entries: Iterable[EntryPoint], settings: Settings, left_out: Mapping[str, str] | None = None) -> Plugins:
    failed = dict(left_out or {})
    candidates: list[Candidate] = []
    for entry in entries:
        try:
            candidates.append(imported(entry, settings.get(entry.name, {})))
        except PluginError as error:
            failed[entry.name] = str(error)
    return gather(candidates, failed)


def ask(
    name: str, module: Any, distribution: str, version: str, settings: Mapping[str, Any] = MappingProxyType({})
) -> Plugin:
    """Return what the plugin *module* (any object with hooks) offers by itself when it is configured by *settings*.

    :raises PluginError: its hooks are malformed, or one raises.
    """
    plugins = gather([Candidate(name, module, distribution, version, settings)])
    if plugins.left_out:
        raise PluginError(plugins.left_out[name])
    return plugins.loaded[0]


def gather(candidates: Iterable[Candidate], left_out: Mapping[str, str] = MappingProxyType({})) -> Plugins:
    """Register *candidates*, call all hooks, and return what they offer; a plugin that raises is left out."""
    candidates = list(candidates)
    registry = Registry()
    registry.register(candidates)
    answers = {attribute: _ask(registry, hook) for hook, attribute in _ONCE.items()}
    sources = {spec.name: answer.plugin for answer in answers["sources"] for spec in answer.items}
    fields = {source: _ask_fields(registry, source, plugin) for source, plugin in sources.items()}
    loaded = [candidate for candidate in candidates if candidate.name not in registry.left_out]
    return Plugins(
        tuple(_plugin(candidate, answers, fields) for candidate in loaded),
        {**left_out, **registry.left_out},
        {attribute: list(dict.fromkeys(answer.plugin for answer in found)) for attribute, found in answers.items()},
    )


def _plugin(one: Candidate, answers: _Answers, fields: _Answers) -> Plugin:
    offered: dict[str, Any] = {attribute: _of(one, found) for attribute, found in answers.items()}
    offered["lookups"] = tuple(LoadedLookup(spec, one.settings) for spec in offered["lookups"])
    of_sources = {source: _of(one, found) for source, found in fields.items()}
    return Plugin(
        name=one.name,
        distribution=one.distribution,
        version=one.version,
        fields={source: found for source, found in of_sources.items() if found},
        **offered,
    )


def _of(one: Candidate, answers: Sequence[Answer]) -> tuple[Any, ...]:
    """Return what the plugin has answered; it may have implemented a hook more than once (``specname``)."""
    return tuple(item for answer in answers if answer.plugin == one.name for item in answer.items)


def _ask(registry: Registry, hook: str) -> list[Answer]:
    """Return the answers to *hook*; plugins that raise are left out from now on."""
    answers, raised = registry.ask(hook)
    for name, error in raised.items():
        registry.leave_out(name, error)
    return answers


def _ask_fields(registry: Registry, source: str, owned_by: str) -> list[Answer]:
    """Return the fields of *source*; a plugin that raises about its own is left out, another one adds none."""
    answers, raised = registry.ask("falcohost_fields", source=source)
    for name, error in raised.items():
        if name == owned_by:
            registry.leave_out(name, error)
        else:
            log.error("plugin '%s' adds no fields to '%s': %s: %s", name, source, type(error).__name__, error)
    return answers
