"""Lists the code that runs with the agent's rights: each distribution, where it is, whose, and in which process."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from falcohost.api import OURS
from falcohost.host.checks import Finding
from falcohost.host.plugins import Plugins, installed, provider
from falcohost.trust import distrust, distrust_all

#: The extra of the endpoints.
_WEB: Final = "web"

#: A requirement in metadata: its name and its extras; and the extra for which it is one.
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?")
_FOR_EXTRA: Final = re.compile(r"""\bextra\s*==\s*['"]([^'"]+)['"]""")


def code_findings(plugins: Plugins, *, web: bool) -> Iterator[Finding]:
    """Yield a finding for each distribution that the agent imports something of, and for Python itself.

    Those are what this process has imported, and what else is required by falcohost, by its extras for *plugins*, and
    by the distributions of the others.

    :param web: the endpoints are enabled.
    """
    who = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    of_plugins = {plugin.distribution: plugin for plugin in plugins.loaded if plugin.distribution != OURS}
    places = _places()
    for name, place in sorted(places.items()):
        plugin = of_plugins.get(name)
        where = "in all processes"
        if plugin is not None:
            sources = ", ".join(spec.name for spec in plugin.sources)
            where = "in the agent's main process" + (f" and in the workers of {sources}" if sources else "")
        yield _finding(who, name, place, where)
    extras = [plugin.name for plugin in plugins.loaded if plugin.distribution == OURS]
    later = _required([*extras, *([_WEB] if web else [])], of_plugins)
    for name, place in sorted(later.items()):
        if name not in places:
            yield _finding(who, name, place, "in the processes that need it, before they lose their rights")
    library = Path(sysconfig.get_path("stdlib"))
    what = f"Python {sys.version.split()[0]}, {library} (of uid {library.stat().st_uid}), in all processes"
    yield Finding(f"runs as {who}", what, distrust(library, listed=True))
    for folder in filter(_is_folder, sys.path):
        if (reason := distrust(folder, listed=True)) is not None:
            yield Finding(f"runs as {who}", f"modules are looked for in {folder}", reason)


def _finding(who: str, name: str, place: Path, where: str) -> Finding:
    what = f"{name} {_version(name)}, {place} (of uid {place.stat().st_uid}), {where}"
    return Finding(f"runs as {who}", what, distrust_all(place))


def _required(extras: Sequence[str], others: Mapping[str, object]) -> dict[str, Path]:
    """Return the place of each installed distribution that is required, and by those in turn, by name."""
    modules: dict[str, tuple[str, list[str]]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules.setdefault(_normal(name), (name, []))[1].append(module)
    found: dict[str, Path] = {}
    waiting, seen = [(OURS, frozenset(extras)), *((name, frozenset[str]()) for name in others)], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        waiting += _requirements(*one)
        name, tops = modules.get(_normal(one[0]), ("", []))
        place = next(filter(None, map(_place, sorted(tops, key=lambda top: (top[0] == "_", top)))), None)
        if place is not None:
            found[name] = place
    return found


def _requirements(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the names and extras that the distribution *name* with these *extras* requires; markers count for true."""
    try:
        texts = requires(name) or ()
    except PackageNotFoundError:
        return
    for text in texts:
        wanted, _, marker = text.partition(";")
        only_for, found = _FOR_EXTRA.search(marker), _REQUIREMENT.match(wanted)
        if found is not None and (only_for is None or only_for[1] in extras):
            yield found[1], frozenset(one.strip() for one in (found[2] or "").split(",") if one.strip())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _place(module: str) -> Path | None:
    """Return the folder or file of a top module, without importing it."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin and Path(spec.origin).exists() else None


def _places() -> dict[str, Path]:
    """Return, by distribution, the folder or file of the module that it has in this process."""
    found: dict[str, Path] = {}
    distributions = {
        entry.module.partition(".")[0]: [provider(entry)[0]] for entries in installed().values() for entry in entries
    } | dict(packages_distributions())
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None)
        if "." in name or place is None:
            continue
        for distribution in distributions.get(name, [OURS] if name.partition("_")[0] == OURS else []):
            path = Path(place)
            found.setdefault(distribution, path.parent if path.name.startswith("__init__.") else path)
    return found


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(unknown version)"


def _is_folder(path: str) -> bool:
    return Path(path).is_dir()
