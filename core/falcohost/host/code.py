"""Lists the code that runs with the agent's rights: each distribution, where it is, whose, and in which process."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from falcohost.api import OURS
from falcohost.host.checks import Finding
from falcohost.host.plugins import Plugins, installed, provider
from falcohost.trust import distrust, distrust_all


def code_findings(plugins: Plugins) -> Iterator[Finding]:
    """Yield a finding for each distribution of which this process has imported something, and for Python itself.

    The agent imports the same: what the configuration names, and what that needs.
    """
    who = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    of_plugins = {plugin.distribution: plugin for plugin in plugins.loaded if plugin.distribution != OURS}
    for name, place in sorted(_places().items()):
        plugin = of_plugins.get(name)
        where = "in all processes"
        if plugin is not None:
            sources = ", ".join(spec.name for spec in plugin.sources)
            where = "in the agent's main process" + (f" and in the workers of {sources}" if sources else "")
        what = f"{name} {_version(name)}, {place} (of uid {place.stat().st_uid}), {where}"
        yield Finding(f"runs as {who}", what, distrust_all(place))
    library = Path(sysconfig.get_path("stdlib"))
    what = f"Python {sys.version.split()[0]}, {library} (of uid {library.stat().st_uid}), in all processes"
    yield Finding(f"runs as {who}", what, distrust(library, listed=True))
    for folder in filter(_is_folder, sys.path):
        if (reason := distrust(folder, listed=True)) is not None:
            yield Finding(f"runs as {who}", f"modules are looked for in {folder}", reason)


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
