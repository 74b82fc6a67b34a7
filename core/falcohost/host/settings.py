"""What each source is told: its plugin's settings, and who it works for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from falcohost.host.plugins import Plugins


def source_settings(plugins: Plugins) -> dict[str, Mapping[str, Any]]:
    """Return the settings by event source.

    Beside those of the plugin there is ``agent_pid``: this process, which writes the alerts.
    """
    return {
        spec.name: {**plugin.settings, "agent_pid": os.getpid()} for plugin in plugins.loaded for spec in plugin.sources
    }
