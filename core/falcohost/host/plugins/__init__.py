"""Finds and imports plugins (entry points in the group ``falcohost.plugins``) and calls their hooks through pluggy.

Only the plugins that are needed are imported. A plugin that raises is named and left out; the others keep working. If
two plugins claim the same name, that is an error that names both.
"""

from falcohost.host.plugins.data import PluginData, load_data, needed_by, plugin_data
from falcohost.host.plugins.found import installed, provider
from falcohost.host.plugins.loading import ask, gather, install_hints, load_all, load_others, load_plugins, not_imported
from falcohost.host.plugins.offers import Plugin, Plugins
from falcohost.host.plugins.registry import Candidate

__all__ = [
    "Candidate",
    "Plugin",
    "PluginData",
    "Plugins",
    "ask",
    "gather",
    "install_hints",
    "installed",
    "load_all",
    "load_data",
    "load_others",
    "load_plugins",
    "needed_by",
    "not_imported",
    "plugin_data",
    "provider",
]
