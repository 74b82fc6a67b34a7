"""The plugin API: its version, and the modules that a plugin may import.

A plugin says which version it is written for by ``falcohost_api = 1`` in its module. docs/plugins.md shows the table of
modules; ``script/check`` holds the plugins in this repository to it.
"""

from __future__ import annotations

from typing import Final

#: The version of the plugin API that this falcohost has.
API: Final = 1

#: The group of entry points in which plugins are found, and the distribution that brings this package.
GROUP: Final = "falcohost.plugins"
OURS: Final = "falcohost"

STABLE: Final = "stable"
PROVISIONAL: Final = "provisional"

#: Every public module with its status. What is in a module's ``__all__`` is public, and nothing else.
MODULES: Final = {
    "falcohost": STABLE,
    "falcohost.action": PROVISIONAL,
    "falcohost.agent": PROVISIONAL,
    "falcohost.appending": PROVISIONAL,
    "falcohost.arguments": PROVISIONAL,
    "falcohost.aws": STABLE,
    "falcohost.by_name": PROVISIONAL,
    "falcohost.clock": PROVISIONAL,
    "falcohost.digest": PROVISIONAL,
    "falcohost.helpers": PROVISIONAL,
    "falcohost.ir": PROVISIONAL,
    "falcohost.jsonlog": STABLE,
    "falcohost.kept": PROVISIONAL,
    "falcohost.lasting": PROVISIONAL,
    "falcohost.lookups": PROVISIONAL,
    "falcohost.needs": PROVISIONAL,
    "falcohost.own_program": PROVISIONAL,
    "falcohost.poll": STABLE,
    "falcohost.port": PROVISIONAL,
    "falcohost.program": STABLE,
    "falcohost.readable": PROVISIONAL,
    "falcohost.recording": PROVISIONAL,
    "falcohost.regular": PROVISIONAL,
    "falcohost.sentinel": PROVISIONAL,
    "falcohost.settings": STABLE,
    "falcohost.subscriber": PROVISIONAL,
    "falcohost.testing": STABLE,
    "falcohost.text": STABLE,
    "falcohost.trust": PROVISIONAL,
    "falcohost.web": STABLE,
}
