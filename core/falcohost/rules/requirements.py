"""Checks that the plugins that rules files require are installed, in the required versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from falcohost.rules.definitions import PluginVersion
from falcohost.rules.versions import parse_version


def unmet_requirement(
    requirements: Iterable[tuple[PluginVersion, ...]], have: Mapping[str, str], hints: Mapping[str, str]
) -> str | None:
    """Return a message about the first requirement that is not met, or None.

    :param requirements: each is a plugin and its alternatives; the first one installed decides.
    :param have: the version of each installed plugin, by the name of the Falco plugin that it replaces.
    :param hints: by the same names, how to get a missing plugin.
    """
    for alternatives in requirements:
        wanted = next((plugin for plugin in alternatives if plugin.name in have), None)
        if wanted is None:
            names = ", ".join(f"{plugin.name} (>= {plugin.version})" for plugin in alternatives)
            ways = dict.fromkeys(hints[plugin.name] for plugin in alternatives if plugin.name in hints)
            hint = f"\n  hint: {' or '.join(ways)}" if ways else ""
            return f"Plugin requirement not satisfied, must load one of: {names}{hint}"
        complaint = _incompatible(wanted, have[wanted.name])
        if complaint:
            return complaint
    return None


def _incompatible(wanted: PluginVersion, have: str) -> str | None:
    version, wanted_version = parse_version(have), parse_version(wanted.version)
    if version is None:
        return f"Plugin '{wanted.name}' has invalid version string '{have}'"
    if wanted_version is None or not version.will_do_for(wanted_version):
        need = f"is not compatible with required plugin version '{wanted.version}'"
        return f"Plugin '{wanted.name}' version '{have}' {need}"
    return None
