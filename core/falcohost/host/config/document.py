"""Reads configuration files, expands environment variables, and merges files as ``config_files`` says.

This module does not know the meaning of keys; :mod:`falcohost.host.config.keys` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

from falcohost.errors import ConfigError
from falcohost.host.config.folders import yaml_files
from falcohost.host.config.tree import Mapping, Scalar, Sequence, Tree, Where
from falcohost.host.stamps import Stamp, stamps
from falcohost.regular import MIB, read_regular
from falcohost.rules.encodings import yaml_text

INCLUDE = "config_files"

#: The largest configuration file, in bytes.
LARGEST = 16 * MIB

STRATEGIES = ("append", "override", "add-only")


class Document(Struct):
    """All files of a configuration as one tree.

    :ivar files: the files that were read, in order.
    :ivar missing: paths in ``config_files`` that do not exist, each with its place in the configuration.
    :ivar stamps: stat(2) results of the files and of the paths in ``config_files``, taken before they were read.
    :ivar warnings: warnings for the user, each with file and line.
    """

    root: Mapping
    files: list[str]
    missing: dict[str, Where] = field(default_factory=dict)
    stamps: dict[str, Stamp | None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def empty_document(name: str) -> Document:
    """Return a configuration that says nothing, which messages call *name*."""
    return Document(Mapping({}, Where(name)), [])


def read_document(path: str) -> Document:
    """Read the one file *path*.

    :raises ConfigError: it cannot be read, or is not a YAML mapping.
    """
    warnings: list[str] = []
    before = stamps([path])
    return Document(read_file(path, warnings), [path], stamps=before, warnings=warnings)


def read_text(text: str, name: str) -> Document:
    """Read a configuration from *text*; messages call it *name*."""
    warnings: list[str] = []
    return Document(_root(text, name, warnings), [], warnings=warnings)


def read_file(path: str, warnings: list[str]) -> Mapping:
    """Return the tree of one file.

    :raises ConfigError: it cannot be read, is no regular file, is larger than :data:`LARGEST`, or no YAML mapping.
    """
    try:
        text = yaml_text(read_regular(path, LARGEST))
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: the configuration is not {error.encoding.upper()} text: {error.reason} at byte {error.start}; "
            f"save it as UTF-8, for example with: iconv -f LATIN1 -t UTF-8 {path}"
        ) from error
    return _root(text, path, warnings)


def include_files(document: Document) -> None:
    """Merge the files that ``config_files`` names into *document*; entries that do not exist go to ``missing``.

    :raises ConfigError: an entry is malformed, or an included file cannot be read or has ``config_files`` itself.
    """
    entries = document.root.entries.get(INCLUDE)
    main = document.files[0] if document.files else ""
    for path, strategy, where in _entries(entries):
        if main and path == main:
            raise ConfigError(
                f"Config error: '{INCLUDE}' directive tried to recursively include main config file: {path}."
            )
        document.stamps |= stamps([path])
        if document.stamps[path] is None:
            document.missing[path] = where
            continue
        for file in _files(path, where):
            document.stamps |= stamps([file])
            included = read_file(file, document.warnings)
            if INCLUDE in included.entries:
                raise ConfigError(f"Config error: '{INCLUDE}' directive in included config file {file}.")
            _join(document.root, included, strategy)
            document.files.append(file)


def _entries(tree: Tree | None) -> Iterator[tuple[str, str, Where]]:
    if tree is None or (isinstance(tree, Scalar) and tree.absent):
        return
    for item in tree.items if isinstance(tree, Sequence) else [tree]:
        if isinstance(item, Scalar):
            yield item.text, "append", item.where
            continue
        path = item.entries.get("path") if isinstance(item, Mapping) else None
        if not isinstance(item, Mapping) or not isinstance(path, Scalar):
            raise ConfigError(
                f"{item.where}: an entry of {INCLUDE} has to be a path, or a mapping with 'path' and 'strategy'"
            )
        strategy = item.entries.get("strategy")
        name = strategy.text if isinstance(strategy, Scalar) else "append"
        if name not in STRATEGIES:
            raise ConfigError(f"{item.where}: unknown strategy {name!r}; it has to be one of {', '.join(STRATEGIES)}")
        yield path.text, name, item.where


def _files(path: str, where: Where) -> list[str]:
    try:
        return yaml_files(path) if Path(path).is_dir() else [path]
    except OSError as error:
        raise ConfigError(f"{where}: {INCLUDE}: {path} cannot be read: {error.strerror}") from error


def _join(root: Mapping, included: Mapping, strategy: str) -> None:
    for key, value in included.entries.items():
        there = root.entries.get(key)
        if there is not None and strategy == "add-only":
            continue
        if strategy == "append" and isinstance(value, Sequence) and isinstance(there, Sequence):
            there.items.extend(value.items)
            continue
        root.entries[key] = value
        root.places[key] = included.places.get(key, value.where)


def _root(text: str, name: str, warnings: list[str]) -> Mapping:
    from falcohost.host.config.yaml_tree import read_mapping  # most runs have no configuration

    return read_mapping(text, name, warnings)
