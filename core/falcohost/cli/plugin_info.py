"""``--list-plugins`` and ``--plugin-info``: describes plugins in Falco's layout."""

from __future__ import annotations

from falcohost.errors import PluginError
from falcohost.host.plugins import Plugin, Plugins


def list_plugins(plugins: Plugins) -> str:
    """Return the text about all loaded plugins."""
    told = "\n".join(plugin_info(plugin) for plugin in plugins.loaded)
    return f"{len(plugins.loaded)} Plugins Loaded:\n\n{told}\n"


def find_plugin(plugins: Plugins, name: str) -> Plugin:
    """Return the plugin called *name*, or the one that replaces the Falco plugin of that name.

    :raises PluginError: there is none.
    """
    for plugin in plugins.loaded:
        if name == plugin.name or name in (stand.name for stand in plugin.stands_for):
            return plugin
    reason = plugins.left_out.get(name)
    raise PluginError(reason or f"can't find plugin and print its info: {name}")


def plugin_info(plugin: Plugin) -> str:
    """Return the text about one plugin."""
    lines = [
        f"Name: {plugin.name}",
        f"Distribution: {plugin.distribution}",
        f"Version: {plugin.version}",
        *(f"Stands in for: {stand.name}@{stand.version}" for stand in plugin.stands_for),
        "Capabilities: ",
        *(f"  - Event Sourcing (source='{spec.name}'): {spec.description}" for spec in plugin.sources),
    ]
    if plugin.fields:
        lines.append("  - Field Extraction")
    lines += [f"  - Output (block '{spec.name}_output'): {spec.description}" for spec in plugin.outputs]
    lines += [f"  - Subscriber ('{spec.name}'): {spec.description}" for spec in plugin.subscribers]
    lines += [f"  - Action ('{spec.name}'): {spec.description}" for spec in plugin.actions]
    lines += [f"  - Lookup ('{one.name}')" for one in plugin.lookups]
    lines += [f"  - Driver ({spec.chosen_by}: {spec.name}): {spec.description}" for spec in plugin.drivers]
    lines += [f"  - Command (falcohost {spec.name}): {spec.help}" for spec in plugin.commands]
    lines += [f"  - Configuration key: {key.key}" for key in plugin.config_keys]
    lines += [f"  - Rules: {path}" for path in plugin.rules]
    return "\n".join(lines) + "\n"
