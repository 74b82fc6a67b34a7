"""A plugin as plain data: where it is, and its settings. A process loads from it without reading the configuration."""

from __future__ import annotations

import importlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from falcohost.errors import ConfigError, PluginError
from falcohost.host.plugin_settings import PluginSettings
from falcohost.host.plugins.found import has_entry, installed, the_one
from falcohost.host.plugins.loading import OFFERS, gather
from falcohost.host.plugins.offers import Plugin, Plugins
from falcohost.host.plugins.registry import Candidate
from falcohost.host.plugins.told import DRIVERS
from falcohost.specs import ConfigKey, DriverSpec


class PluginData(Struct, frozen=True):
    """A plugin to load.

    :ivar entry: the value of its entry point: the module, and the object in it.
    :ivar settings: its settings as JSON, without drivers, which are no plain data.
    """

    name: str
    entry: str
    distribution: str
    version: str
    settings: bytes


class _Told(PluginSettings, frozen=True):
    """Settings that another process has read and checked."""

    given: Mapping[str, Mapping[str, Any]] = {}

    def settings(
        self, name: str, former: Iterable[str], keys: Iterable[ConfigKey], chosen: Mapping[str, Collection[str]]
    ) -> dict[str, Any]:
        """Return the settings of the plugin *name*."""
        return dict(self.given[name])


def plugin_data(plugin: Plugin, settings: Mapping[str, Any]) -> PluginData:
    """Return *plugin* with *settings* as plain data.

    :raises ConfigError: a setting cannot be plain data.
    """
    entry = the_one(plugin.name, installed()).value
    plain = {key: value for key, value in settings.items() if key != DRIVERS or not _are_drivers(value)}
    try:
        encoded = json.dumps(plain).encode()  # which leaves no number and no text out, however odd
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the settings of the plugin '{plugin.name}' are no plain data: {error}") from error
    return PluginData(plugin.name, entry, plugin.distribution, plugin.version, encoded)


def _are_drivers(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(one, DriverSpec) for one in value.values())


def needed_by(source: str, plugins: Plugins) -> Iterator[Plugin]:
    """Yield the plugin that offers *source*, and those that add fields, lookups or the chosen drivers to it."""
    owner = plugins.owner(source)
    chosen = {(key.key, _value(owner.settings, key)) for key in owner.config_keys if key.type is str}
    for one in plugins.loaded:
        if (
            one is owner
            or source in one.fields
            or any(lookup.spec.is_for(source) for lookup in one.lookups)
            or any((driver.chosen_by, driver.name) in chosen for driver in one.drivers)
        ):
            yield one


def load_data(data: Iterable[PluginData], static: Mapping[str, str], offers: Collection[str] = OFFERS) -> Plugins:
    """Load the plugins in *data*, which another process has loaded before.

    :param static: the values of the fields ``static.*``.
    :param offers: of what they offer, the attributes of :class:`Plugin` that are wanted; sources always are.
    :raises PluginError: one cannot be loaded.
    """
    data = list(data)
    if not data:  # the registry of plugins costs a megabyte
        return Plugins((), static=static)
    candidates = [Candidate(one.name, _imported(one), one.distribution, one.version) for one in data]
    plugins = gather(candidates, _told(data, static), offers=offers)
    if plugins.left_out:
        raise PluginError("\n".join(plugins.left_out.values()))
    return plugins


def _told(data: Iterable[PluginData], static: Mapping[str, str]) -> _Told:
    return _Told(static=static, checked=True, given={one.name: json.loads(one.settings) for one in data})


def _imported(one: PluginData) -> Any:
    if not has_entry(one.name, one.entry):
        raise PluginError(f"plugin '{one.name}' cannot be loaded: no installed plugin of this name is at {one.entry}")
    try:
        module, _, name = one.entry.partition(":")
        found: Any = importlib.import_module(module)
        for step in filter(None, name.split(".")):
            found = getattr(found, step)
        return found
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        mend = "it has changed since the agent was started; restart the agent"
        raise PluginError(f"plugin '{one.name}' cannot be loaded: {reason}; {mend}") from error


def _value(settings: Mapping[str, Any], key: ConfigKey) -> object:
    """Return the value of *key* in *settings*; None if it is not there."""
    value: object = settings
    for step in key.key.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value
