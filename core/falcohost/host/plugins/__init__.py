"""Finds, imports and asks plugins: entry points in the group ``falcohost.plugins``, hooks by pluggy.

Only what is asked for is imported. A plugin that raises is named and left out; the others go on. What two plugins
both claim is refused with both names.
"""

from falcohost.host.plugins.found import installed
from falcohost.host.plugins.loading import ask, gather, install_hints, load_all, load_others, load_plugins
from falcohost.host.plugins.offers import Plugin, Plugins
from falcohost.host.plugins.registry import Candidate

__all__ = [
    "Candidate",
    "Plugin",
    "Plugins",
    "ask",
    "gather",
    "install_hints",
    "installed",
    "load_all",
    "load_others",
    "load_plugins",
]
