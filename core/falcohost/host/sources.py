"""Selects the event sources to open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from falcohost.errors import ConfigError
from falcohost.host.plugins import Plugins, load_all
from falcohost.host.settings import source_settings
from falcohost.log import log


def select_sources(
    known: Sequence[str],
    enable: Sequence[str],
    disable: Sequence[str],
    hint: Callable[[str], str] = lambda name: "",
) -> list[str]:
    """Return the sources to open.

    :param hint: returns what to add to the message about an unknown source.
    :raises ConfigError: the flags contradict each other, name an unknown source, or leave none.
    """
    if enable and disable:
        raise ConfigError("You can not mix --enable-source and --disable-source")
    for verb, names in (("enabling", enable), ("disabling", disable)):
        for name in names:
            if name not in known:
                raise ConfigError(f"Attempted {verb} an unknown event source: {name}{hint(name)}")
    selected = [name for name in known if (name in enable if enable else name not in disable)]
    if not selected:
        raise ConfigError("Must enable at least one event source")
    return selected


def where_offered(name: str, plugins: Plugins) -> str:
    """Return which installed plugin is called *name* or offers that source, and how to load it; empty if none does."""
    for plugin in load_all().loaded:
        sources = [spec.name for spec in plugin.sources]
        if name not in (plugin.name, *sources) or not sources:
            continue
        what = "it" if name in sources else f"the source {', '.join(sources)}"
        found = f"; the plugin '{plugin.name}' has {what}"
        if plugin.name in (one.name for one in plugins.loaded):
            return found
        return f"{found}, but is not loaded: add it to load_plugins, or give -o load_plugins[]={plugin.name}"
    return ""


def opened(selected: Sequence[str], plugins: Plugins) -> list[str]:
    """Return *selected* without the sources that their plugin's settings switch off; log the reasons."""
    reasons = switched_off(selected, plugins)
    for reason in reasons.values():
        log.warning("%s", reason)
    return [name for name in selected if name not in reasons]


def switched_off(selected: Sequence[str], plugins: Plugins) -> dict[str, str]:
    """Return why those of *selected* that their plugin's settings switch off are off, by source."""
    specs, settings = plugins.sources(), source_settings(plugins)
    reasons = {name: off(settings[name]) for name in selected if (off := specs[name].off) is not None}
    return {name: reason for name, reason in reasons.items() if reason}
