"""What each source is told: its plugin's settings out of the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from falcohost.host.config import Config
from falcohost.host.config.sections import EngineConfig, PluginsConfig
from falcohost.host.plugins import Plugin, Plugins

#: The plugin that Falco's ``engine`` and ``base_syscalls`` are about.
SYSCALL = "syscall"


def source_settings(config: Config, plugins: Plugins) -> dict[str, Mapping[str, Any]]:
    """Return the settings by event source."""
    return {
        spec.name: plugin_settings(plugin, config.plugins, config.engine)
        for plugin in plugins.loaded
        for spec in plugin.sources
    }


def plugin_settings(plugin: Plugin, blocks: PluginsConfig, engine: EngineConfig) -> dict[str, Any]:
    """Return the settings of *plugin*: its ``init_config`` and ``open_params``.

    Under the name of each Falco plugin that it stands in for it has that one's. The syscall plugin has Falco's
    ``engine``, ``base_syscalls`` and our own ``falcohost`` beside, and ``agent_pid``: this process, which writes the
    alerts and must not be seen doing it.
    """
    settings: dict[str, Any] = {}
    if plugin.name == SYSCALL:
        settings = {**engine.settings, "agent_pid": os.getpid()}
    for stand in plugin.stands_for:
        if stand.name != plugin.name and stand.name in blocks.blocks:
            settings[stand.name] = blocks.blocks[stand.name].settings
    if plugin.name in blocks.blocks:
        settings |= blocks.blocks[plugin.name].settings
    return settings
