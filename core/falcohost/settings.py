"""What a plugin's block in the configuration says: its ``init_config``, with ``open_params`` beside it.

The values come from YAML or from JSON in a text, so that a number may be a text. A key that the plugin does not know is
warned of and does no harm; a value that cannot be is an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from falcohost.errors import ConfigError
from falcohost.log import log

#: The key of what is to be opened, beside those of ``init_config``.
OPEN_PARAMS = "open_params"

__all__ = ["OPEN_PARAMS", "Settings"]


class Settings:
    """Reads the settings of the plugin *plugin*, which knows the keys *known* beside ``open_params``."""

    def __init__(self, plugin: str, settings: Mapping[str, Any], known: Collection[str]) -> None:
        self._plugin = plugin
        self._settings = settings
        for key in settings:
            if key not in known and key != OPEN_PARAMS:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                log.warning("plugin '%s': unknown key %s in its configuration%s", plugin, key, hint)

    def open_params(self) -> str | list[str]:
        """Return what is to be opened, which may be several; an empty text where nothing is said.

        :raises ConfigError: the value is neither a text nor a list of them.
        """
        value = self._settings.get(OPEN_PARAMS)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        return self.text(OPEN_PARAMS)

    def text(self, key: str, default: str = "") -> str:
        """Return a text.

        :raises ConfigError: the value is none.
        """
        value = self._settings.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        raise self._error(key, "a text")

    def whole_number(self, key: str, default: int, *, at_least: int = 0) -> int:
        """Return a whole number that is not less than *at_least*.

        :raises ConfigError: the value is none.
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
        """Return a truth value.

        :raises ConfigError: the value is none.
        """
        value = self._settings.get(key)
        if value is None:
            return default
        if value is True or value is False:
            return bool(value)
        raise self._error(key, "true or false")

    def block(self, key: str) -> Mapping[str, Any]:
        """Return settings of their own; none where nothing is said.

        :raises ConfigError: the value is something else.
        """
        value = self._settings.get(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        raise self._error(key, "a block of settings")

    def _error(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"plugin '{self._plugin}': {key} has to be {wanted}, not {self._settings[key]!r}.")
