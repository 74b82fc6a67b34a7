"""What plugins are told: their blocks, and the values of their keys, or the defaults where nothing is configured.

It is apart from the configuration (:mod:`falcohost.host.config`), which is read by one process: those that are told by
another one have no use for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct, field

from falcohost.specs import ConfigKey

#: For each key that selects a driver, the drivers' names.
Chosen: TypeAlias = Mapping[str, Collection[str]]


class PluginSettings(Struct, frozen=True):
    """What plugins are told.

    :ivar blocks: for each plugin, its ``init_config`` plus ``open_params``.
    :ivar static: the values of the fields ``static.*``.
    :ivar named: the names that the configuration has for plugins; of other distributions, only these are imported.
    :ivar trusted: plugins are imported even if other users may change their files.
    :ivar checked: another process has checked that no two plugins have the same key.
    """

    blocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    static: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    trusted: bool = False
    checked: bool = False

    def has(self, key: str) -> bool:
        """Return whether something is configured at the uppermost *key*."""
        return False

    def settings(self, name: str, former: Iterable[str], keys: Iterable[ConfigKey], chosen: Chosen) -> dict[str, Any]:
        """Return the settings of the plugin *name*.

        :param former: the Falco plugins that it replaces; their blocks are in the settings under their names.
        :param keys: the keys that it adds; each value is in the settings at its key's path.
        :raises ConfigError: a value is not valid.
        """
        settings = self.values(keys, chosen)
        settings |= {one: self.blocks[one] for one in former if one != name and one in self.blocks}
        return settings | dict(self.blocks.get(name, {}))

    def values(self, keys: Iterable[ConfigKey], chosen: Chosen) -> dict[str, Any]:
        """Return the values of *keys* as nested dicts: their defaults.

        :raises ConfigError: a value has the wrong type, or its key's check refuses it.
        """
        values: dict[str, Any] = {}
        for key in keys:
            *above, last = key.key.split(".")
            below = values
            for step in above:
                below = below.setdefault(step, {})
            below[last] = default_of(key)
        return values


def default_of(key: ConfigKey) -> Any:
    """Return what *key* has where it is not configured."""
    return list(key.default or ()) if key.type is list else key.default
