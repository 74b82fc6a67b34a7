"""Makes each plugin's settings from its keys, its block, and the drivers that its keys can select."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from falcohost.errors import ConfigError, PluginError
from falcohost.host.plugin_settings import PluginSettings
from falcohost.host.plugins.registry import Candidate, HookAnswer
from falcohost.specs import DriverSpec

#: Answers to hooks, by attribute of :class:`~falcohost.host.plugins.Plugin` or by source.
Answers: TypeAlias = Mapping[str, Sequence[HookAnswer]]

#: The entry in a plugin's settings with the drivers that its keys can select.
DRIVERS = "drivers"


def of_plugin(name: str, answers: Sequence[HookAnswer]) -> tuple[Any, ...]:
    """Return all answers of the plugin *name*; it may implement a hook more than once (``specname``)."""
    return tuple(item for answer in answers if answer.plugin == name for item in answer.items)


def told_settings(
    candidates: Iterable[Candidate], answers: Answers, told: PluginSettings, refused: dict[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the settings of all plugins by name.

    :raises PluginError: two plugins add the same key or driver.
    :param refused: collects by plugin why a value of its keys is not valid; the keys then have their defaults.
    :raises ConfigError: a value is not valid, and there is no *refused*.
    """
    if not told.checked:
        _check_keys(answers["config_keys"])
    drivers = _drivers(answers["drivers"])
    settings = {}
    for one in candidates:
        keys = of_plugin(one.name, answers["config_keys"])
        former = [stand.name for stand in of_plugin(one.name, answers["stands_for"])]
        try:
            found = told.settings(one.name, former, keys, drivers)
        except ConfigError as error:
            if refused is None:
                raise
            refused[one.name] = str(error)
            found = PluginSettings(told.blocks).settings(one.name, former, keys, drivers)
        settings[one.name] = found | dict(one.settings)
        offered = {name: driver for key in keys for name, driver in drivers.get(key.key, {}).items()}
        if offered:
            settings[one.name][DRIVERS] = offered
    return settings


def _check_keys(answers: Sequence[HookAnswer]) -> None:
    from falcohost.host.config.keys import KeyClash, add_key, key_tree  # where the configuration is read

    tree = key_tree()
    owners: dict[str, str] = {}
    for answer in answers:
        for key in answer.items:
            if key.key.partition(".")[0].endswith("_output"):
                offer = f"the plugin '{answer.plugin}' offers the configuration key '{key.key}'"
                raise PluginError(f"{offer}, but such blocks belong to outputs")
            try:
                add_key(tree, key)
            except KeyClash as clash:
                raise PluginError(_both(answer.plugin, key.key, clash.other, owners.get(clash.other))) from None
            owners[key.key] = answer.plugin


def _both(plugin: str, key: str, other: str, owner: str | None) -> str:
    beside = "" if key == other else f", which excludes '{key}'"
    if owner is None:
        return f"the plugin '{plugin}' offers the configuration key '{other}'{beside}, a key of falcohost's own"
    return f"the plugins '{owner}' and '{plugin}' both offer the configuration key '{other}'{beside}"


def _drivers(answers: Sequence[HookAnswer]) -> dict[str, dict[str, DriverSpec]]:
    """Return the drivers by the key that selects them, and by name."""
    drivers: dict[str, dict[str, DriverSpec]] = {}
    owners: dict[tuple[str, str], str] = {}
    for answer in answers:
        for driver in answer.items:
            both = owners.setdefault((driver.chosen_by, driver.name), answer.plugin)
            if both != answer.plugin:
                raise PluginError(f"the plugins '{both}' and '{answer.plugin}' both offer the driver '{driver.name}'")
            drivers.setdefault(driver.chosen_by, {})[driver.name] = driver
    return drivers
