"""The known configuration keys as a tree, from which come warnings about keys and the JSON schema.

An unknown key gets a warning that suggests the key that was probably meant. Keys that are accepted but ignored are
listed in one message, so that nobody relies on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from falcohost.host.config.key_table import KEYS
from falcohost.host.config.tree import Mapping, Scalar, Sequence, Tree, as_bool, plain_data
from falcohost.specs import ConfigKey

#: A list of mappings is a dict with the single key ``[]``. True stands for anything below a key.
KeyTree: TypeAlias = "dict[str, ConfigKey | KeyTree | bool]"

_LIST = "[]"
_SCHEMA: dict[object, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    list: {"type": "array"},
}


class KeyClash(Exception):
    """A key exists already, or a key above or below it does.

    :ivar other: name of the existing key.
    """

    def __init__(self, other: str) -> None:
        super().__init__(other)
        self.other = other


def key_tree(keys: Iterable[ConfigKey] = KEYS) -> KeyTree:
    """Return *keys* as a tree.

    :raises KeyClash: two of them clash.
    """
    tree: KeyTree = {}
    for key in keys:
        add_key(tree, key)
    return tree


def add_key(tree: KeyTree, key: ConfigKey) -> None:
    """Add *key* to *tree*.

    :raises KeyClash: it clashes with a key in the tree.
    """
    *above, last = key.key.replace(_LIST, f".{_LIST}").split(".")
    for step in above:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            raise KeyClash(below.key if isinstance(below, ConfigKey) else step)
        tree = below
    if last in tree:
        raise KeyClash(next(iter(leaves({last: tree[last]}))).key)
    tree[last] = key


def leaves(tree: KeyTree) -> Iterator[ConfigKey]:
    """Yield the keys in *tree*."""
    for value in tree.values():
        if isinstance(value, dict):
            yield from leaves(value)
        elif isinstance(value, ConfigKey):
            yield value


def unknown_keys(root: Mapping, known: KeyTree) -> list[str]:
    """Return a sentence for each key in *root* that is not in *known*."""
    return list(_unknown(root, known, ""))


def _unknown(tree: Tree, known: KeyTree | ConfigKey | bool, path: str) -> Iterator[str]:
    if not isinstance(known, dict):
        return
    if _LIST in known:
        for item in tree.items if isinstance(tree, Sequence) else [tree]:
            yield from _unknown(item, known[_LIST], path)
    elif isinstance(tree, Mapping):
        for key, value in tree.entries.items():
            if key in known:
                yield from _unknown(value, known[key], f"{path}{key}.")
            else:
                import difflib  # where something is wrong

                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {path}{near[0]}?" if near else ""
                yield f"{tree.places.get(key, value.where)}: unknown key {path}{key}{hint}"


def without_known(root: Mapping, known: KeyTree) -> dict[str, Any]:
    """Return the values in *root* whose keys are not in *known*, as plain data."""
    rest: dict[str, Any] = {}
    for key, value in root.entries.items():
        below = known.get(key)
        if below is None:
            rest[key] = plain_data(value)
        elif isinstance(below, dict) and _LIST not in below and isinstance(value, Mapping):
            others = without_known(value, below)
            rest |= {key: others} if others else {}
    return rest


class Ignored(NamedTuple):
    """A key or section that is set and has no effect, and why."""

    key: str
    reason: str


def keys_without_effect(root: Mapping, known: KeyTree) -> list[Ignored]:
    """Return the keys that are set but ignored in this version, except those that are switched off or at a default."""
    found = [(path, dict.fromkeys(key.help for key in keys if _asks(root, key))) for path, keys in _idle(known, "")]
    return [Ignored(path, "; ".join(reasons)) for path, reasons in found if reasons and not _off(_find(root, path))]


def _idle(known: KeyTree, path: str) -> Iterator[tuple[str, list[ConfigKey]]]:
    """Yield the ignored keys; those of a section with only ignored keys together, under its name."""
    for name, value in known.items():
        if isinstance(value, ConfigKey) and not value.effect:
            yield path + name, [value]
        elif isinstance(value, dict):
            if any(key.effect for key in leaves(value)):
                yield from _idle(value, f"{path}{name}.")
            else:
                yield path + name, list(leaves(value))


def _asks(root: Mapping, key: ConfigKey) -> bool:
    """Return whether the value of an ignored key asks for anything but the default."""
    value = _find(root, key.key)
    return not _off(value) and not (isinstance(value, Scalar) and plain_data(value) == key.default)


def _find(root: Mapping, dotted: str) -> Tree | None:
    found: Tree | None = root
    for key in dotted.split("."):
        found = found.entries.get(key) if isinstance(found, Mapping) else None
    return found


def _off(tree: Tree | None) -> bool:
    """Return whether a value is off: false, 0, empty, or a section that has ``enabled: false`` or only such values."""
    if tree is None:
        return True
    if isinstance(tree, Scalar):
        return tree.absent or tree.text == "0" or as_bool(tree.text) is False
    if isinstance(tree, Mapping):
        enabled = tree.entries.get("enabled")
        return all(map(_off, tree.entries.values())) or (enabled is not None and _off(enabled))
    return not tree.items


def config_schema(known: KeyTree) -> dict[str, Any]:
    """Return *known* as a JSON schema."""
    schema = {"$schema": "http://json-schema.org/draft-06/schema#", "title": "FalcohostConfig", **_schema(known)}
    # Keys in the block of a plugin's output are not known here.
    return schema | {"patternProperties": {"^.+_output$": {"type": "object"}}}


def _schema(known: KeyTree | ConfigKey | bool) -> dict[str, Any]:
    if isinstance(known, bool):
        return {}
    if isinstance(known, ConfigKey):
        choices = {"enum": list(known.choices)} if known.choices else {}
        text = {"description": known.help} if known.help else {}
        return _SCHEMA.get(known.type, {}) | choices | text
    if _LIST in known:
        return {"type": "array", "items": _schema(known[_LIST])}
    properties = {key: _schema(value) for key, value in known.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}
