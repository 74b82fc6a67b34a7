"""Keys that are known, as a tree: what of a configuration is none of them, or does nothing, and the JSON schema.

A key that is not known gets a warning with the name that was probably meant. One that is known without effect is named
once, so that nobody believes that it works.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from falcohost.host.config.key_table import KEYS
from falcohost.host.config.tree import Mapping, Scalar, Sequence, Tree, as_bool, plain_data
from falcohost.specs import ConfigKey

#: A list of mappings is written as a mapping whose one key is ``[]``. True stands for anything below a key.
KeyTree: TypeAlias = "dict[str, ConfigKey | KeyTree | bool]"

#: Outputs of Falco that this version does not have; an enabled one is warned of.
MISSING_OUTPUTS = ("syslog", "http", "program")

_LIST = "[]"
_SCHEMA: dict[object, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    list: {"type": "array"},
}


class KeyClash(Exception):
    """A key is there already, or has one above or below it.

    :ivar other: the name of that one.
    """

    def __init__(self, other: str) -> None:
        super().__init__(other)
        self.other = other


def key_tree(keys: Iterable[ConfigKey] = KEYS) -> KeyTree:
    """Return *keys* as a tree.

    :raises KeyClash: two of them cannot both be.
    """
    tree: KeyTree = {}
    for key in keys:
        add_key(tree, key)
    return tree


def add_key(tree: KeyTree, key: ConfigKey) -> None:
    """Add *key* to *tree*.

    :raises KeyClash: it cannot be beside one that is there.
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
    """Return a sentence for each key in *root* that is none of *known*."""
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
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {path}{near[0]}?" if near else ""
                yield f"{tree.places.get(key, value.where)}: unknown key {path}{key}{hint}"


def without_known(root: Mapping, known: KeyTree) -> dict[str, Any]:
    """Return what is in *root* beside *known* keys, as plain data."""
    rest: dict[str, Any] = {}
    for key, value in root.entries.items():
        below = known.get(key)
        if below is None:
            rest[key] = plain_data(value)
        elif isinstance(below, dict) and _LIST not in below and isinstance(value, Mapping):
            others = without_known(value, below)
            rest |= {key: others} if others else {}
    return rest


def keys_without_effect(root: Mapping, known: KeyTree) -> list[str]:
    """Return the keys that are set and do nothing in this version; what is switched off is not among them."""
    return [key for key in _idle(known, "") if not _off(_find(root, key))]


def _idle(known: KeyTree, path: str) -> Iterator[str]:
    """Yield the keys without effect: a section with nothing else by its own name."""
    for name, value in known.items():
        if isinstance(value, ConfigKey) and not value.effect:
            yield path + name
        elif isinstance(value, dict):
            if any(key.effect for key in leaves(value)):
                yield from _idle(value, f"{path}{name}.")
            else:
                yield path + name


def _find(root: Mapping, dotted: str) -> Tree | None:
    found: Tree | None = root
    for key in dotted.split("."):
        found = found.entries.get(key) if isinstance(found, Mapping) else None
    return found


def _off(tree: Tree | None) -> bool:
    """Return whether a value says no: false, 0, nothing, or a section with ``enabled: false`` or only such."""
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
    # A plugin's output has its own block, which cannot be known here.
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
