"""Reads typed values from a configuration tree; a value of the wrong type is an error with file and line.

Defaults come from :mod:`falcohost.host.config.key_table`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from falcohost.errors import ConfigError
from falcohost.host.config.key_table import KEYS
from falcohost.host.config.tree import Mapping, Scalar, Sequence, Tree, Where, as_bool, as_float, as_int, plain_data

T = TypeVar("T")

_ROWS = {row.key: row for row in KEYS}
_PLACE = re.compile(r"\[\d+\]")


class Reader:
    """Reads the values of one mapping. *path* is the dotted key of that mapping, for messages.

    :param known: the key in the key table that it has the defaults of; None: *path*.
    """

    def __init__(self, mapping: Mapping, path: str = "", known: str | None = None) -> None:
        self._mapping = mapping
        self._path = path
        self._known = path if known is None else known

    @property
    def path(self) -> str:
        """Return the dotted key of the mapping."""
        return self._path

    def known_as(self, key: str) -> Reader:
        """Return a reader of the same mapping that has the defaults of what stands below *key* in the key table."""
        return Reader(self._mapping, self._path, key)

    @property
    def here(self) -> Where:
        """Return the place of the mapping."""
        return self._mapping.where

    def has(self, key: str) -> bool:
        """Return whether *key* is present, even if it is empty."""
        return key in self._mapping.entries

    def names(self) -> Iterable[str]:
        """Return the keys of the mapping."""
        return self._mapping.entries.keys()

    def where(self, key: str) -> Where:
        """Return the place of *key*."""
        value = self._mapping.entries.get(key)
        return value.where if value is not None else self._mapping.where

    def error(self, key: str, problem: str) -> ConfigError:
        """Return an error about the value of *key*."""
        return ConfigError(f"{self.where(key)}: {self._dotted(key)} {problem}")

    def text(self, key: str) -> str:
        """Return a string; if it is empty or null, the default."""
        scalar = self._scalar(key)
        return self._default(key) or "" if scalar is None else scalar.text

    def boolean(self, key: str) -> bool:
        """Return a bool in any spelling of YAML 1.1."""
        return bool(self.typed(key, self._default(key), as_bool, "true or false"))

    def integer(self, key: str, *, at_least: int = 0) -> int:
        """Return an integer."""
        value: int = self.typed(key, self._default(key), as_int, "a whole number")
        if value < at_least:
            raise self.error(key, f"has to be {at_least} or more, not {value}")
        return value

    def number(self, key: str) -> float:
        """Return a number."""
        return float(self.typed(key, self._default(key), as_float, "a number"))

    def typed(self, key: str, default: T, read: Callable[[str], T | None], kind: str, *, secret: bool = False) -> T:
        """Return a scalar converted by *read*; *default* if there is none.

        :param kind: the required type, for the error message.
        :param secret: the error message does not show the value.
        """
        scalar = self._scalar(key)
        if scalar is None:
            return default
        value = read(scalar.text)
        if value is None:
            raise self.error(key, f"has to be {kind}" + ("" if secret else f", not '{scalar.text}'"))
        return value

    def choice(self, key: str, problem: str) -> str:
        """Return one of the key's choices; *problem* is the error message, in which ``{}`` stands for the value."""
        value = self.text(key)
        if value not in _ROWS[self._in_table(key)].choices:
            raise ConfigError(f"{self.where(key)}: {problem.format(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; a single string counts as a list of one."""
        value = self._mapping.entries.get(key)
        if value is None or (isinstance(value, Scalar) and value.absent):
            return ()
        items = value.items if isinstance(value, Sequence) else [value]
        return tuple(self._item_text(key, item) for item in items)

    def places(self, key: str) -> tuple[Where, ...]:
        """Return where each item of the list of texts *key* stands."""
        value = self._mapping.entries.get(key)
        items = value.items if isinstance(value, Sequence) else [] if value is None else [value]
        return tuple(item.where for item in items)

    def section(self, key: str) -> Reader:
        """Return a reader of the mapping *key*; an empty one if it is not there."""
        value = self._mapping.entries.get(key)
        if value is None or (isinstance(value, Scalar) and value.absent):
            return Reader(Mapping({}, self.where(key)), self._dotted(key), self._in_table(key))
        if not isinstance(value, Mapping):
            raise self.error(key, "has to be a mapping (key: value)")
        return Reader(value, self._dotted(key), self._in_table(key))

    def sections(self, key: str) -> tuple[Reader, ...]:
        """Return readers of the mappings in the list *key*."""
        value = self._mapping.entries.get(key)
        if value is None or (isinstance(value, Scalar) and value.absent):
            return ()
        items = value.items if isinstance(value, Sequence) else [value]
        return tuple(self._item_section(key, index, item) for index, item in enumerate(items))

    def items(self, key: str) -> list[Any]:
        """Return a list of anything as plain Python data; a single value counts as a list of one."""
        data = self.data(key)
        return data if isinstance(data, list) else [] if data is None else [data]

    def data(self, key: str) -> Any:
        """Return the value of *key* as plain Python data; None if there is none."""
        value = self._mapping.entries.get(key)
        return None if value is None else plain_data(value)

    def all_data(self) -> dict[str, Any]:
        """Return the whole mapping as plain Python data."""
        data: dict[str, Any] = plain_data(self._mapping)
        return data

    def _default(self, key: str) -> Any:
        """Return the default in the key table; None if there is none, or the key is a plugin's."""
        row = _ROWS.get(_PLACE.sub("[]", self._in_table(key)))
        return None if row is None else row.default

    def _dotted(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _in_table(self, key: str) -> str:
        return f"{self._known}.{key}" if self._known else key

    def _scalar(self, key: str) -> Scalar | None:
        value = self._mapping.entries.get(key)
        if value is None:
            return None
        if isinstance(value, Sequence) and value.text:
            return Scalar(value.text, value.where)
        if not isinstance(value, Scalar):
            raise self.error(key, "has to be a single value")
        return None if value.absent else value

    def _item_text(self, key: str, item: Tree) -> str:
        text = None if isinstance(item, Mapping) else item.text
        if text is None or (isinstance(item, Sequence) and not text):
            raise ConfigError(f"{item.where}: {self._dotted(key)} has to be a list of strings")
        return text

    def _item_section(self, key: str, index: int, item: Tree) -> Reader:
        if not isinstance(item, Mapping):
            raise ConfigError(f"{item.where}: {self._dotted(key)} has to be a list of mappings (key: value)")
        return Reader(item, f"{self._dotted(key)}[{index}]")
