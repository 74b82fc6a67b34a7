"""Computes the cache key of a compiled ruleset: it changes with the content, the options and the versions."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from falcohost.engine.catalog import Catalog
from falcohost.fields import Field
from falcohost.rules.loaded import LoadOptions
from falcohost.rules.places import RulesFile

#: Length of a key in bytes.
SIZE = 32

#: Parts of a field that compiled rules do not contain: they name the field, and look these up.
_NOT_COMPILED = frozenset(("description", "get", "json", "path", "reads", "shown"))
_COMPILED = tuple(one.name for one in dataclasses.fields(Field) if one.name not in _NOT_COMPILED)

_PACKAGE = Path(__file__).parent.parent
_COMPILER = ("lang", "rules", "engine")
_LIBRARIES = ("lark", "re2", "yaml")

#: Rules may write ports by the names in this file.
_SERVICES = "/etc/services"


def cache_key(
    files: Iterable[RulesFile], catalogs: Mapping[str, Catalog], options: LoadOptions, versions: Sequence[str]
) -> bytes:
    """Return the key for *files* loaded with *catalogs*.

    :param versions: those of falcohost and of its plugins.
    :raises UnicodeEncodeError: a string in them cannot be encoded.
    """
    content = (
        versions,
        sys.version,
        code_stamps(),
        {source: [_compiled(field) for field in catalog.fields] for source, catalog in catalogs.items()},
        options,
        [(file.name, file.text) for file in files],
    )
    encoder = msgspec.msgpack.Encoder(order="deterministic")
    return hashlib.blake2b(encoder.encode(content), digest_size=SIZE).digest()


def _compiled(field: Field) -> list[object]:
    """Return the parts of *field* that a compiled rule may contain; for a function, only whether there is one."""
    values = (getattr(field, name) for name in _COMPILED)
    return [
        value.value if isinstance(value, enum.Enum) else callable(value) or value if value is not None else None
        for value in values
    ]


def _sources() -> Iterator[str]:
    """Yield the compiler's files and one file of each library: these can change without a new version of ours."""
    for top in _COMPILER:
        for folder, _, names in sorted(os.walk(_PACKAGE / top)):
            yield from (str(Path(folder, name)) for name in sorted(names) if name.endswith((".py", ".lark")))
    for name in _LIBRARIES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            yield spec.origin


def code_stamps() -> list[tuple[int, int] | None]:
    """Return the states of the files by which rules are compiled."""
    return [stamp(path) for path in (*_sources(), _SERVICES)]


def stamp(path: str) -> tuple[int, int] | None:
    """Return the state of a file; None: there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 (a Path for each file costs more than the call)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
