r"""``-o KEY=VAL``: sets a value in the configuration tree by the path of its key.

Paths are ``a.b.c=v``, ``a[0].b=v`` and ``a[]=v`` (appends). ``. [ ] \`` within a key are escaped with ``\``. A value in
braces or brackets is read as YAML, any other is a string.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from falcohost.errors import ConfigError
from falcohost.host.config.document import INCLUDE, Document, read_text
from falcohost.host.config.tree import OPTION, Mapping, Scalar, Sequence, Tree, Where

#: One step of a path: a key, an index, or None for "append".
_Step: TypeAlias = str | int | None

_KEY = re.compile(r"(?:[^\\.\[\]]|\\.)+", re.DOTALL)
_INDEX = re.compile(r"\[([^\]]*)\]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def split_option(option: str) -> tuple[str, str]:
    """Split ``key=value``.

    :raises ConfigError: there is no ``=``.
    """
    key, equals, value = option.partition("=")
    if not equals:
        raise ConfigError(f'Error parsing config option "{option}". Must be of the form key=val or key.subkey=val')
    return key, value


def names_include(option: str) -> bool:
    """Return whether *option* adds configuration files, so that it must be applied before they are read."""
    return option.startswith(INCLUDE)


def apply_option(document: Document, option: str) -> None:
    """Apply *option* to *document*.

    :raises ConfigError: its form is wrong, or its path leads through something that is not a mapping or list.
    """
    key, text = split_option(option)
    where = Where(f"{OPTION}{key}")
    value: Tree | None = None
    if text.startswith("{") and text.endswith("}"):
        value = read_text(text, str(where)).root
    elif text.startswith("[") and text.endswith("]"):
        value = _list(text, str(where))
    value = value or Scalar(text, where, raw=text)
    _set(document.root, _steps(key), value, where, key)


def _list(text: str, where: str) -> Tree | None:
    from falcohost.host.config.yaml_tree import read_list  # most runs have no such option

    found = read_list(text, where)
    return None if found is None else Sequence(found.items, found.where, text)


def _steps(key: str) -> list[_Step]:
    steps: list[_Step] = []
    at = 0
    while True:
        name = _KEY.match(key, at)
        if name is None:
            raise _error(key, f"expected a name at position {at}")
        steps.append(_unescape(name[0], key))
        at = name.end()
        while index := _INDEX.match(key, at):
            steps.append(_index(index[1], key))
            at = index.end()
        if at == len(key):
            return steps
        if key[at] != ".":
            raise _error(key, f"expected '.' at position {at}")
        at += 1


def _unescape(name: str, key: str) -> str:
    for escaped in _ESCAPE.findall(name):
        if escaped not in ".[]\\":
            raise _error(key, f"invalid escape sequence '\\{escaped}'")
    return _ESCAPE.sub(r"\1", name)


def _index(text: str, key: str) -> int | None:
    if text == "":
        return None
    if not (text.isascii() and text.isdigit()):
        raise _error(key, f"expected a numeric index, found '{text}'")
    return int(text)


def _set(root: Mapping, steps: list[_Step], value: Tree, where: Where, key: str) -> None:
    holder: Tree = root
    for at, step in enumerate(steps[:-1]):
        holder = _put(holder, step, _container(steps[at + 1], where), key, replace=False)
    _put(holder, steps[-1], value, key, replace=True)


def _container(following: _Step, where: Where) -> Tree:
    return Mapping({}, where) if isinstance(following, str) else Sequence([], where)


def _put(holder: Tree, step: _Step, new: Tree, key: str, *, replace: bool) -> Tree:
    """Return the value of *holder* at *step*, after setting it to *new* if it is empty or *replace* is true."""
    if isinstance(step, str):
        if not isinstance(holder, Mapping):
            raise _error(key, f"cannot set '{step}' in a value that is not a mapping")
        there = holder.entries.get(step)
        if there is None or replace or (isinstance(there, Scalar) and there.absent):
            holder.entries[step] = new
            holder.places[step] = new.where
        return holder.entries[step]
    if not isinstance(holder, Sequence):
        raise _error(key, f"[{'' if step is None else step}] cannot be used on a value that is not a list")
    at = len(holder.items) if step is None else step
    if at > len(holder.items):
        raise _error(key, f"index {at} is beyond the end of a list of {len(holder.items)}")
    if at == len(holder.items):
        holder.items.append(new)
    elif replace:
        holder.items[at] = new
    return holder.items[at]


def _error(key: str, problem: str) -> ConfigError:
    return ConfigError(f'Config error at key "{key}": {problem}')
