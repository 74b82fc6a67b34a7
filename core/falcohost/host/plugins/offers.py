"""The loaded plugins and what they offer, one by one and combined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from falcohost.action import ActionSpec
from falcohost.errors import PluginError
from falcohost.fields import Field
from falcohost.hookspecs import OutputSpec, SourceSpec, StandsFor
from falcohost.pipeline.lookups import LoadedLookup
from falcohost.specs import CommandSpec, ConfigKey, DriverSpec
from falcohost.subscriber import SubscriberSpec

if TYPE_CHECKING:
    from falcohost.host.config.keys import KeyTree

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A loaded plugin, with everything that it offers.

    :ivar settings: its configuration.
    :ivar fields: its fields by event source, for its own sources and for others'.
    """

    name: str
    distribution: str
    version: str
    sources: tuple[SourceSpec, ...] = ()
    fields: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    rules: tuple[Path, ...] = ()
    stands_for: tuple[StandsFor, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    subscribers: tuple[SubscriberSpec, ...] = ()
    actions: tuple[ActionSpec, ...] = ()
    lookups: tuple[LoadedLookup, ...] = ()
    config_keys: tuple[ConfigKey, ...] = ()
    drivers: tuple[DriverSpec, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Plugins:
    """The loaded plugins in order, and those that were left out, with reasons.

    :ivar order: for each attribute of :class:`Plugin`, the plugins' names in the order in which the hook was called,
        which ``tryfirst`` and ``trylast`` may change.
    :ivar misconfigured: the names of those that were left out because they refuse their configuration.
    :ivar refused: by plugin, why a value of its keys is not valid; its keys have their defaults. Empty where such a
        value is an error.
    :ivar static: the values of the fields ``static.*``, which all sources have.
    """

    loaded: tuple[Plugin, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    misconfigured: Set[str] = frozenset()
    static: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def sources(self) -> dict[str, SourceSpec]:
        """Return the sources by name.

        :raises PluginError: two plugins offer one of the same name.
        """
        return self._by_name("sources", "the source")

    def outputs(self) -> dict[str, OutputSpec]:
        """Return the outputs by name.

        :raises PluginError: two plugins offer one of the same name.
        """
        return self._by_name("outputs", "the output")

    def subscribers(self) -> dict[str, SubscriberSpec]:
        """Return the subscribers other than outputs, by name.

        :raises PluginError: two plugins offer one of the same name.
        """
        return self._by_name("subscribers", "the subscriber")

    def actions(self) -> dict[str, ActionSpec]:
        """Return the actions by name.

        :raises PluginError: two plugins offer one of the same name.
        """
        return self._by_name("actions", "the action")

    def lookups(self) -> dict[str, LoadedLookup]:
        """Return the lookups by name.

        :raises PluginError: two plugins offer one of the same name.
        """
        return self._by_name("lookups", "the lookup")

    def commands(self) -> dict[str, tuple[Plugin, CommandSpec]]:
        """Return the commands by name, each with its plugin.

        :raises PluginError: two plugins offer one of the same name.
        """
        return _joined("the command", ((p, spec.name, (p, spec)) for p, spec in self._offers("commands")))

    def known_keys(self) -> KeyTree:
        """Return all configuration keys: falcohost's, the plugins', and the blocks of plugins' outputs."""
        from falcohost.host.config.keys import add_key, key_tree  # where the configuration is read

        tree = key_tree()
        for plugin in self.loaded:
            for key in plugin.config_keys:
                add_key(tree, key)
        for name in self.outputs():
            tree.setdefault(f"{name}_output", True)
        return tree

    def fields(self, source: str) -> tuple[Field, ...]:
        """Return the fields that all plugins add to the event source *source*, without those of lookups.

        :raises PluginError: two plugins add a field of the same name.
        """
        offers = ((p, one.name, one) for p in self.loaded for one in p.fields.get(source, ()))
        return tuple(_joined("the field", offers, repeat=True).values())

    def rules(self) -> list[str]:
        """Return the rules files that the plugins ship."""
        return [str(path) for _, path in self._offers("rules")]

    def stands_for(self) -> dict[str, str]:
        """Return names and versions for ``required_plugin_versions``: the plugins' own, and those that they replace."""
        own = {plugin.name: plugin.version for plugin in self.loaded}
        return own | {stand.name: stand.version for plugin in self.loaded for stand in plugin.stands_for}

    def blocks(self, plugin: Plugin) -> list[str]:
        """Return the names of the blocks of *plugin*: its own, and of what it replaces unless another plugin has it."""
        others = {one.name for one in self.loaded} - {plugin.name}
        return [plugin.name, *({stand.name for stand in plugin.stands_for} - {plugin.name} - others)]

    def owner(self, source: str) -> Plugin:
        """Return the plugin that offers *source*."""
        return next(p for p in self.loaded for spec in p.sources if spec.name == source)

    def _offers(self, attribute: str) -> Iterator[tuple[Plugin, Any]]:
        """Yield the members of *attribute* of all plugins, in order, each with its plugin."""
        loaded = {plugin.name: plugin for plugin in self.loaded}
        for name in self.order.get(attribute, loaded):
            if name in loaded:
                yield from ((loaded[name], one) for one in getattr(loaded[name], attribute))

    def _by_name(self, attribute: str, what: str) -> dict[str, Any]:
        return _joined(what, ((plugin, one.name, one) for plugin, one in self._offers(attribute)))


def _joined(what: str, offers: Iterable[tuple[Plugin, str, T]], *, repeat: bool = False) -> dict[str, T]:
    """Return the offers by name; *repeat*: a plugin may offer a name twice, and the first is used."""
    found: dict[str, T] = {}
    owners: dict[str, Plugin] = {}
    for plugin, name, offer in offers:
        if name in found:
            if repeat and owners[name] is plugin:
                continue
            raise PluginError(f"the plugins '{owners[name].name}' and '{plugin.name}' both offer {what} '{name}'")
        found[name], owners[name] = offer, plugin
    return found
