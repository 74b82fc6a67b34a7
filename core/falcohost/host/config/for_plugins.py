"""The part of the configuration for plugins: their blocks in ``plugins:``, and the values of their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Mapping as MappingABC
from typing import Any

from msgspec import Struct, field

from falcohost.errors import ConfigError
from falcohost.host.config.reader import Reader
from falcohost.host.config.tree import Mapping, Where, as_bool, as_float, as_int
from falcohost.specs import ConfigKey

_SCALARS: dict[object, tuple[Any, str]] = {
    bool: (as_bool, "true or false"),
    int: (as_int, "a whole number"),
    float: (as_float, "a number"),
}


class ForPlugins(Struct, frozen=True):
    """The plugins' part of a configuration.

    :ivar blocks: for each plugin, its ``init_config`` plus ``open_params``.
    :ivar root: the whole tree, in which keys are looked up.
    :ivar static: the values of the fields ``static.*``.
    :ivar named: the names that the configuration has for plugins; of other distributions, only these are imported.
    :ivar trusted: plugins are imported even if other users may change their files.
    :ivar checked: another process has checked that no two plugins have the same key.
    """

    blocks: MappingABC[str, MappingABC[str, Any]] = field(default_factory=dict)
    root: Mapping = field(default_factory=lambda: Mapping({}, Where("(no configuration)")))
    static: MappingABC[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    trusted: bool = False
    checked: bool = False

    def settings(
        self, name: str, former: Iterable[str], keys: Iterable[ConfigKey], chosen: MappingABC[str, Collection[str]]
    ) -> dict[str, Any]:
        """Return the settings of the plugin *name*.

        :param former: the Falco plugins that it replaces; their blocks are in the settings under their names.
        :param keys: the keys that it adds; each value is in the settings at its key's path.
        :param chosen: for each key that selects a driver, the drivers' names.
        :raises ConfigError: a value is not valid.
        """
        settings = read_values(self.root, keys, chosen)
        settings |= {one: self.blocks[one] for one in former if one != name and one in self.blocks}
        return settings | dict(self.blocks.get(name, {}))


def read_values(root: Mapping, keys: Iterable[ConfigKey], chosen: MappingABC[str, Collection[str]]) -> dict[str, Any]:
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
        return list(key.default or ()) if key.type is list else key.default
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
