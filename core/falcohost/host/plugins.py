"""Finds, imports and asks plugins: entry points in the group ``falcohost.plugins``, hooks by pluggy.

Only what is asked for is imported. A plugin that raises is named and left out; the others go on. What two plugins
both claim is refused with both names.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import pluggy

from falcohost import hookspecs
from falcohost.errors import PluginError
from falcohost.fields import Field
from falcohost.hookspecs import OutputSpec, SourceSpec, StandsFor
from falcohost.host.extras import EXTRAS, hints_for, owner
from falcohost.log import log

GROUP = "falcohost.plugins"

#: The plugin that is there without being configured.
ALWAYS = ("syscall",)

OURS = "falcohost"

T = TypeVar("T")

#: The configuration of plugins, by their names.
Settings: TypeAlias = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that was imported and asked, with all that it offers; *ask_fields* for sources of other plugins."""

    name: str
    distribution: str
    version: str
    sources: tuple[SourceSpec, ...]
    rules: tuple[Path, ...]
    stands_for: tuple[StandsFor, ...]
    outputs: tuple[OutputSpec, ...]
    own_fields: Mapping[str, tuple[Field, ...]]
    ask_fields: Callable[[str], tuple[Field, ...]]

    def fields(self, source: str) -> tuple[Field, ...]:
        """Return the fields that this plugin adds to *source*; none if it raises about a source that is not its own."""
        if source in self.own_fields:
            return self.own_fields[source]
        try:
            return self.ask_fields(source)
        except Exception as error:
            log.error("plugin '%s' adds no fields to '%s': %s: %s", self.name, source, type(error).__name__, error)
            return ()


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins that are loaded, in order, and those that were left out, each with the reason."""

    loaded: tuple[Plugin, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def sources(self) -> dict[str, SourceSpec]:
        """Return the sources by name.

        :raises PluginError: two plugins offer one.
        """
        return _joined("the source", ((p, spec.name, spec) for p in self.loaded for spec in p.sources))

    def outputs(self) -> dict[str, OutputSpec]:
        """Return the outputs by name.

        :raises PluginError: two plugins offer one.
        """
        return _joined("the output", ((p, spec.name, spec) for p in self.loaded for spec in p.outputs))

    def fields(self, source: str) -> tuple[Field, ...]:
        """Return the fields of the event source *source*, of all plugins.

        :raises PluginError: two plugins declare one name.
        """
        offers = ((p, one.name, one) for p in self.loaded for one in p.fields(source))
        return tuple(_joined("the field", offers, repeat=True).values())

    def rules(self) -> list[str]:
        """Return the rules files that the plugins ship."""
        return [str(path) for plugin in self.loaded for path in plugin.rules]

    def stands_for(self) -> dict[str, str]:
        """Return the names and versions that ``required_plugin_versions`` may ask for: our own, and those stood for."""
        own = {plugin.name: plugin.version for plugin in self.loaded}
        return own | {stand.name: stand.version for plugin in self.loaded for stand in plugin.stands_for}

    def owner(self, source: str) -> Plugin:
        """Return the plugin that offers *source*."""
        return next(p for p in self.loaded for spec in p.sources if spec.name == source)


def installed() -> dict[str, list[EntryPoint]]:
    """Return the entry points by plugin name; more than one where distributions clash."""
    found: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry in entry_points(group=GROUP):
        found[entry.name].append(entry)
    return dict(sorted(found.items()))


def install_hints(plugins: Plugins) -> dict[str, str]:
    """Return, for each plugin and source that is not among *plugins*, what would bring it."""
    return hints_for([plugin.name for plugin in plugins.loaded], plugins.left_out, installed())


def load_plugins(names: Iterable[str], settings: Settings = MappingProxyType({})) -> Plugins:
    """Import and ask those that are always there and *names*, which may be names of Falco plugins that are stood for.

    *settings* has the configuration of each plugin by its name.

    :raises PluginError: a name is not installed, or claimed by two distributions.
    """
    known = installed()
    names = list(names)
    own = [name if name in known else owner(name) for name in names]
    wanted = list(dict.fromkeys([*(name for name in ALWAYS if name in known), *own]))
    plugins = _load_each([_the_one(name, known) for name in wanted if name in known], settings)
    for name in names:
        if name not in known and name not in plugins.stands_for():
            raise PluginError(f"no plugin called '{name}' is installed{_mend(owner(name), known)}")
    return plugins


def load_all(settings: Settings = MappingProxyType({})) -> Plugins:
    """Import and ask every plugin that is installed, with the *settings* of each; one that clashes is left out."""
    left_out: dict[str, str] = {}
    entries = []
    known = installed()
    for name in known:
        try:
            entries.append(_the_one(name, known))
        except PluginError as error:
            left_out[name] = str(error)
    plugins = _load_each(entries, settings)
    return Plugins(plugins.loaded, left_out | dict(plugins.left_out))


def _load_each(entries: Iterable[EntryPoint], settings: Settings) -> Plugins:
    left_out: dict[str, str] = {}
    loaded: list[Plugin] = []
    for entry in entries:
        try:
            loaded.append(_load(entry, settings.get(entry.name, {})))
        except PluginError as error:
            left_out[entry.name] = str(error)
    return Plugins(tuple(loaded), left_out)


def ask(
    name: str, module: Any, distribution: str, version: str, settings: Mapping[str, Any] = MappingProxyType({})
) -> Plugin:
    """Return what the plugin *module* (any object with hooks) offers when it is configured by *settings*.

    :raises PluginError: its hooks are malformed, or one raises.
    """
    manager = pluggy.PluginManager("falcohost")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name)
        manager.check_pending()
        hook = manager.hook
        sources: tuple[SourceSpec, ...] = _flat(hook.falcohost_sources(settings=settings))
        return Plugin(
            name=name,
            distribution=distribution,
            version=version,
            sources=sources,
            rules=_flat(hook.falcohost_rules()),
            stands_for=_flat(hook.falcohost_stands_for()),
            outputs=_flat(hook.falcohost_outputs()),
            own_fields={
                spec.name: _flat(hook.falcohost_fields(source=spec.name, settings=settings)) for spec in sources
            },
            ask_fields=lambda source: _flat(hook.falcohost_fields(source=source, settings=settings)),
        )
    except Exception as error:
        raise PluginError(f"plugin '{name}' is left out: {type(error).__name__}: {error}") from error


def _flat(answers: Iterable[Iterable[T] | None]) -> tuple[T, ...]:
    return tuple(item for answer in answers if answer is not None for item in answer)


def _the_one(name: str, known: Mapping[str, list[EntryPoint]]) -> EntryPoint:
    entries = known[name]
    if len(entries) > 1:
        both = " and ".join(sorted(_distribution(entry)[0] for entry in entries))
        raise PluginError(f"the plugin '{name}' is claimed by two distributions, {both}: uninstall one of them")
    return entries[0]


def _mend(name: str, known: Iterable[str]) -> str:
    if name in _extras():
        return f": pip install 'falcohost[{name}]'"
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; installed are: {', '.join(known) or 'none'}. Install the distribution that brings it."


def _load(entry: EntryPoint, settings: Mapping[str, Any]) -> Plugin:
    distribution, version = _distribution(entry)
    try:
        module = entry.load()
    except ModuleNotFoundError as error:
        raise PluginError(_missing(entry, distribution, error)) from error
    except Exception as error:
        raise PluginError(f"plugin '{entry.name}' is left out: {type(error).__name__}: {error}") from error
    return ask(entry.name, module, distribution, version, settings)


def _missing(entry: EntryPoint, distribution: str, error: ModuleNotFoundError) -> str:
    if distribution == OURS and entry.name in _extras():
        mend = f"pip install 'falcohost[{entry.name}]'"
    else:
        mend = f"pip install --force-reinstall {distribution}"
    return f"plugin '{entry.name}' needs the Python package '{error.name}', which is not installed: {mend}"


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    dist = entry.dist
    return (dist.name, dist.version) if dist is not None else ("(unknown)", "0")


def _extras() -> list[str]:
    try:
        return metadata(OURS).get_all("Provides-Extra") or list(EXTRAS)
    except PackageNotFoundError:
        return list(EXTRAS)


def _joined(what: str, offers: Iterable[tuple[Plugin, str, T]], *, repeat: bool = False) -> dict[str, T]:
    """Return the offers by name; *repeat*: one plugin may offer a name twice, of which the first counts."""
    found: dict[str, T] = {}
    owners: dict[str, Plugin] = {}
    for plugin, name, offer in offers:
        if name in found:
            if repeat and owners[name] is plugin:
                continue
            raise PluginError(f"the plugins '{owners[name].name}' and '{plugin.name}' both offer {what} '{name}'")
        found[name], owners[name] = offer, plugin
    return found
