"""The settings that each source receives: those of its plugin, and the agent's process id."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from falcohost.host.plugins import Plugins
from falcohost.settings import AGENT_PID


def source_settings(plugins: Plugins) -> dict[str, Mapping[str, Any]]:
    """Return the settings by event source.

    They are the plugin's settings plus ``agent_pid``, the id of this process, which writes the alerts.
    """
    return {
        spec.name: {**plugin.settings, AGENT_PID: os.getpid()} for plugin in plugins.loaded for spec in plugin.sources
    }
