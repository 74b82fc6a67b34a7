"""A configuration's YAML read into a tree, with environment variables put in and each value's place kept."""

from __future__ import annotations

import os
import re

import yaml

from falcohost.errors import ConfigError
from falcohost.host.config.tree import Mapping, Scalar, Sequence, Tree, Where

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VARIABLE = re.compile(r"(\$?)\$\{([^}]*)\}")


def read_mapping(text: str, name: str, warnings: list[str]) -> Mapping:
    """Return the tree of *text*, which messages call *name*; what a reader should know is added to *warnings*.

    :raises ConfigError: it is not a YAML mapping.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Where(name, mark.line + 1, mark.column + 1) if mark else Where(name)
        context = f" {error.context}" if error.context else ""
        is_tab = mark is not None and text[mark.index : mark.index + 1] == "\t"
        hint = "; this is a tab, and YAML indents with blanks only" if is_tab else ""
        raise ConfigError(f"{where}: invalid YAML: {error.problem}{context}{hint}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}: invalid YAML: {error}") from error
    if node is None:
        return Mapping({}, Where(name))
    tree = _TreeBuilder(name, warnings).build(node)
    if isinstance(tree, Scalar) and tree.absent:
        return Mapping({}, tree.where)
    if not isinstance(tree, Mapping):
        raise ConfigError(f"{tree.where}: a configuration file has to be a YAML mapping (key: value)")
    return tree


def read_list(text: str, name: str) -> Sequence | None:
    """Return the list that *text* is in YAML; None if it is none.

    :raises ConfigError: it has too many values.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, RecursionError):
        return None
    tree = None if node is None else _TreeBuilder(name, []).build(node)
    return tree if isinstance(tree, Sequence) else None


class _TreeBuilder:
    """Turns YAML nodes into the tree. Aliases are copied, so that merging files never changes two places at once."""

    MAX_DEPTH = 64
    MAX_NODES = 100_000

    def __init__(self, name: str, warnings: list[str]) -> None:
        self._name = name
        self._warnings = warnings
        self._nodes = 0

    def build(self, node: yaml.Node, depth: int = 0) -> Tree:
        """Return the tree below *node*."""
        where = self._where(node)
        self._nodes += 1
        if depth > self.MAX_DEPTH or self._nodes > self.MAX_NODES:
            raise ConfigError(
                f"{where}: more than {self.MAX_DEPTH} levels or "
                f"{self.MAX_NODES:,} values; check the file for aliases (*name)"
            )
        if isinstance(node, yaml.ScalarNode):
            return Scalar(expand_variables(node.value), where, node.style in (None, ""), node.value)
        if isinstance(node, yaml.SequenceNode):
            return Sequence([self.build(item, depth + 1) for item in node.value], where)
        return self._mapping(node, where, depth)

    def _mapping(self, node: yaml.Node, where: Where, depth: int) -> Mapping:
        mapping = Mapping({}, where)
        for key, value in node.value:
            place = self._where(key)
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{place}: a key has to be a string")
            if key.value in mapping.entries:
                self._warnings.append(f"{place}: duplicate key '{key.value}'; the first one is used")
                continue
            mapping.entries[key.value] = self.build(value, depth + 1)
            mapping.places[key.value] = place
        return mapping

    def _where(self, node: yaml.Node) -> Where:
        mark = node.start_mark
        return Where(self._name, mark.line + 1, mark.column + 1)


def expand_variables(text: str) -> str:
    """Return *text* with ``${NAME}`` replaced by that environment variable ("" if unset), and ``$${X}`` by ``${X}``."""
    if "${" not in text:
        return text
    return _VARIABLE.sub(lambda m: f"${{{m[2]}}}" if m[1] else os.environ.get(m[2], ""), text)
