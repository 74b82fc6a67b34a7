"""Installed plugins: finds and imports their entry points, and explains how to get a missing plugin."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from falcohost.api import API, GROUP, OURS
from falcohost.errors import PluginError
from falcohost.host.extras import EXTRAS
from falcohost.host.plugins.registry import Candidate
from falcohost.host.version import falcohost_version
from falcohost.installing import how_to_install, how_to_upgrade
from falcohost.trust import distrust_all

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: What the names of our plugins' packages begin with.
_PACKAGE: Final = f"{OURS}_"


def installed() -> Mapping[str, list[EntryPoint]]:
    """Return the entry points by plugin name; there are several if distributions clash."""
    return _installed(tuple(sys.path))


@cache
def _installed(path: Sequence[str]) -> Mapping[str, list[EntryPoint]]:
    """Look through all distributions in the folders of *path*, which takes a while: once is enough for a process."""
    from importlib.metadata import entry_points  # large, and neither the supervisor nor workers need it

    found: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry in entry_points(group=GROUP):
        found[entry.name].append(entry)
    return dict(sorted(found.items()))


def the_one(name: str, known: Mapping[str, list[EntryPoint]]) -> EntryPoint:
    """Return the entry point of the plugin *name*.

    :raises PluginError: two distributions provide it.
    """
    entries = known[name]
    if len(entries) > 1:
        both = " and ".join(sorted(provider(entry)[0] for entry in entries))
        raise PluginError(f"the plugin '{name}' is provided by two distributions, {both}: uninstall one of them")
    return entries[0]


def has_entry(name: str, value: str) -> bool:
    """Return whether the plugin *name* is installed and has the entry point *value*; for ours nothing is looked up."""
    ours = name in EXTRAS and value == f"{_PACKAGE}{name}.plugin"
    return ours or any(entry.value == value for entry in installed().get(name, ()))


def has_module(name: str) -> bool:
    """Return whether *name* is a module of a package of falcohost's or of an installed plugin's."""
    top = name.partition(".")[0]
    if top == OURS or (top.startswith(_PACKAGE) and top.removeprefix(_PACKAGE) in EXTRAS):
        return True
    return any(entry.module.partition(".")[0] == top for entries in installed().values() for entry in entries)


def is_ours(entry: EntryPoint) -> bool:
    """Return whether the plugin is part of falcohost's distribution."""
    return provider(entry)[0] == OURS


def require_trusted(entry: EntryPoint) -> None:
    """Check that only trusted users may change the files of the plugin *entry*, without importing it.

    :raises PluginError: others may.
    """
    for place in places(entry):
        if (reason := distrust_all(place)) is not None:
            raise PluginError(
                f"plugin '{entry.name}' is left out, since other users could change it: {reason}, or "
                "falcohost.trust_files: true"
            )


def places(entry: EntryPoint) -> list[Path]:
    """Return the file or the folders of the top package of the plugin *entry*, without importing it."""
    try:
        spec = find_spec(entry.module.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    folders = spec.submodule_search_locations
    return [Path(folder) for folder in folders] if folders is not None else [Path(spec.origin or "")]


def imported(entry: EntryPoint) -> Candidate:
    """Import the plugin *entry*.

    :raises PluginError: it cannot be imported.
    """
    distribution, version = provider(entry)
    try:
        module = entry.load()
    except ModuleNotFoundError as error:
        raise PluginError(_missing_package(entry, distribution, error)) from error
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != OURS:
            raise PluginError(f"plugin '{entry.name}' is left out: {type(error).__name__}: {error}") from error
        ours = f"falcohost {falcohost_version()}, which has version {API} of the plugin API"
        text = (
            f"plugin '{entry.name}' needs what this falcohost does not have: {error.msg} ({ours}): {how_to_upgrade()}"
        )
        raise PluginError(text) from error
    except Exception as error:
        raise PluginError(f"plugin '{entry.name}' is left out: {type(error).__name__}: {error}") from error
    return Candidate(entry.name, module, distribution, version)


def mend(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about the missing plugin *name*: how to get it."""
    if name in _extras():
        return f": {how_to_install(name)}"
    import difflib  # where something is wrong

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; installed plugins: {', '.join(known) or 'none'}. Install the distribution that provides it."


def _missing_package(entry: EntryPoint, distribution: str, error: ModuleNotFoundError) -> str:
    if (error.name or "").partition(".")[0] == OURS:
        fix = how_to_upgrade()
    elif distribution == OURS and entry.name in _extras():
        fix = how_to_install(entry.name)
    else:
        fix = f"pip install --force-reinstall {distribution}"
    return f"plugin '{entry.name}' needs the Python package '{error.name}', which is not installed: {fix}"


def provider(entry: EntryPoint) -> tuple[str, str]:
    """Return the name and version of the distribution that has the plugin *entry*."""
    dist = entry.dist
    return (dist.name, dist.version) if dist is not None else ("(unknown)", "0")


def _extras() -> list[str]:
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        return metadata(OURS).get_all("Provides-Extra") or list(EXTRAS)
    except PackageNotFoundError:
        return list(EXTRAS)
