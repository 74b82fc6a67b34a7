"""The part of the configuration for plugins: their blocks in ``plugins:``, and the values of their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from msgspec import field

from falcohost.errors import ConfigError
from falcohost.host.config.reader import Reader
from falcohost.host.config.tree import Mapping, Where, as_bool, as_float, as_int
from falcohost.host.plugin_settings import Chosen, PluginSettings, default_of
from falcohost.specs import ConfigKey

_SCALARS: dict[object, tuple[Any, str]] = {
    bool: (as_bool, "true or false"),
    int: (as_int, "a whole number"),
    float: (as_float, "a number"),
}


class ForPlugins(PluginSettings, frozen=True):
    """The plugins' part of a configuration.

    :ivar root: the whole tree, in which keys are looked up.
    """

    root: Mapping = field(default_factory=lambda: Mapping({}, Where("(no configuration)")))

    def has(self, key: str) -> bool:
        """Return whether something is configured at the uppermost *key*."""
        return key in self.root.entries

    def values(self, keys: Iterable[ConfigKey], chosen: Chosen) -> dict[str, Any]:
        """Return the values of *keys*, or their defaults, as nested dicts.

        :raises ConfigError: a value has the wrong type, or its key's check refuses it.
        """
        return read_values(self.root, keys, chosen)


def read_values(root: Mapping, keys: Iterable[ConfigKey], chosen: Chosen) -> dict[str, Any]:
    """Return the values of *keys*, or their defaults, as nested dicts.

    :raises ConfigError: a value has the wrong type, or its key's check refuses it.
    """
    values: dict[str, Any] = {}
    for key in keys:
        *above, last = key.key.split(".")
        reader, below = Reader(root), values
        for step in above:
            reader, below = reader.section(step), below.setdefault(step, {})
        below[last] = _value(reader, last, key, chosen.get(key.key, ()))
    return values


def _value(reader: Reader, name: str, key: ConfigKey, drivers: Collection[str]) -> Any:
    if reader.data(name) is None:
        return default_of(key)
    value = _typed(reader, name, key)
    problem = None if value in drivers else _problem(value, key)
    if problem is not None:
        raise ConfigError(f"{reader.where(name)}: {problem}")
    return value


def _typed(reader: Reader, name: str, key: ConfigKey) -> Any:
    if key.type is list:
        return list(reader.texts(name))
    if key.type is str:
        return reader.text(name)
    if key.type in _SCALARS:
        return reader.typed(name, None, *_SCALARS[key.type], secret=key.secret)
    return reader.data(name)


def _problem(value: Any, key: ConfigKey) -> str | None:
    if key.choices and value not in key.choices:
        import difflib  # where something is wrong

        near = difflib.get_close_matches(str(value), key.choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        shown = "" if key.secret else f", not '{value}'"
        return f"{key.key} has to be one of {', '.join(key.choices)}{shown}{hint}"
    return None if key.check is None else key.check(value)
