"""Typed access to a plugin's block in the configuration: its ``init_config`` and its ``open_params``.

The values come from YAML, or from JSON in a string, so a number may arrive as a string. A key that the plugin does not
know gets a warning; a value of the wrong type is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from falcohost.errors import ConfigError
from falcohost.helpers import HELPERS
from falcohost.log import ONCE, log

#: The key that says what to open; the other keys are those of ``init_config``.
OPEN_PARAMS = "open_params"
#: The key that falcohost adds to the settings of a source: the id of the process that writes the alerts.
AGENT_PID = "agent_pid"

__all__ = ["OPEN_PARAMS", "Settings"]


class Settings:
    """Reads the settings of the plugin *plugin*, whose keys are *known* and ``open_params``."""

    def __init__(self, plugin: str, settings: Mapping[str, Any], known: Collection[str]) -> None:
        self._plugin = plugin
        self._settings = settings
        for key in settings:
            if key not in known and key not in (OPEN_PARAMS, AGENT_PID, HELPERS):
                import difflib  # where something is wrong

                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                # Each hook that reads the settings makes an object like this.
                log.warning("plugin '%s': unknown key %s in its configuration%s", plugin, key, hint, extra=ONCE)

    def open_params(self) -> str | list[str]:
        """Return what to open: a string or a list of strings; an empty string if it is not set.

        :raises ConfigError: the value is neither a string nor a list of strings.
        """
        value = self._settings.get(OPEN_PARAMS)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        return self.text(OPEN_PARAMS)

    def text(self, key: str, default: str = "") -> str:
        """Return a string.

        :raises ConfigError: the value is not a string.
        """
        value = self._settings.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        raise self._error(key, "a string")

    def whole_number(self, key: str, default: int, *, at_least: int = 0) -> int:
        """Return a whole number that is not less than *at_least*.

        :raises ConfigError: the value is not such a number.
        """
        value = self._settings.get(key)
        if value is None:
            return default
        try:
            number = value if type(value) is int else int(str(value))
        except ValueError:
            number = at_least - 1
        if number < at_least:
            raise self._error(key, f"a whole number from {at_least}")
        return number

    def truth(self, key: str, *, default: bool = False) -> bool:
        """Return true or false.

        :raises ConfigError: the value is neither.
        """
        value = self._settings.get(key)
        if value is None:
            return default
        if value is True or value is False:
            return bool(value)
        raise self._error(key, "true or false")

    def block(self, key: str) -> Mapping[str, Any]:
        """Return a nested block of settings; empty if it is not set.

        :raises ConfigError: the value is not a block.
        """
        value = self._settings.get(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        raise self._error(key, "a block of settings")

    def _error(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"plugin '{self._plugin}': {key} has to be {wanted}, not {self._settings[key]!r}.")
