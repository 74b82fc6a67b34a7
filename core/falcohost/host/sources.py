"""Selects the event sources to open, and checks their settings."""

from __future__ import annotations

import contextlib
import difflib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from falcohost.engine.ruleset import Ruleset
from falcohost.errors import ConfigError, FalcohostError
from falcohost.host.agent_options import AgentOptions
from falcohost.host.config import Config
from falcohost.host.extras import owner
from falcohost.host.plugins import Plugins, load_all, not_imported
from falcohost.host.settings import source_settings
from falcohost.log import log
from falcohost.needs import needs_of


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


def chosen_sources(plugins: Plugins, options: AgentOptions) -> list[str]:
    """Return the sources of *plugins* that *options* choose.

    :raises ConfigError: they contradict each other, name an unknown source, or leave none.
    """
    known, hint = list(plugins.sources()), functools.partial(where_offered, plugins=plugins)
    return select_sources(known, options.enable_sources, options.disable_sources, hint)


def where_offered(name: str, plugins: Plugins) -> str:
    """Return which installed plugin is called *name* or offers that source, and how to load it; empty if none does."""
    ours = load_all()
    for plugin in ours.loaded:
        sources = [spec.name for spec in plugin.sources]
        if name not in (plugin.name, *sources) or not sources:
            continue
        what = "it" if name in sources else f"the source {', '.join(sources)}"
        found = f"; the plugin '{plugin.name}' has {what}"
        if plugin.name in (one.name for one in plugins.loaded):
            return found
        return f"{found}, but is not loaded: {_how_to_load(plugin.name)}"
    known = {*plugins.left_out, *(one.name for one in plugins.loaded)}
    return _of_others(name, {one: by for one, (by, _) in not_imported(ours).items() if one not in known}, plugins)


def _of_others(name: str, others: Mapping[str, str], plugins: Plugins) -> str:
    """Return which of the plugins *others* may have the source *name*: they are imported only if they are named."""
    if name in others:
        return f"; the plugin '{name}' (of {others[name]}) is installed, but not loaded: {_how_to_load(name)}"
    if near := difflib.get_close_matches(name, plugins.sources(), n=1):
        return f"; did you mean {near[0]}?"
    if others:
        return f"; plugins that are not loaded may have it ({', '.join(others)}): {_how_to_load('NAME')}"
    return ""


def _how_to_load(plugin: str) -> str:
    return f"add it to load_plugins, or give -o load_plugins[]={plugin}"


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


def sources_to_check(config: Config, plugins: Plugins, ruleset: Ruleset | None, options: AgentOptions) -> list[str]:
    """Return the sources that a start opens, and those that the configuration has settings for.

    :param ruleset: the rules, which decide which sources are opened; None: they are not valid.
    :raises FalcohostError: the options do not fit the sources.
    """
    selected = chosen_sources(plugins, options)
    asked = {*options.enable_sources, *_with_settings(config, plugins)}
    wanted = [name for name in selected if ruleset is None or name in asked or ruleset.enabled(name)]
    off = switched_off(selected, plugins)
    return [name for name in wanted or selected if name not in off]


def _with_settings(config: Config, plugins: Plugins) -> Set[str]:
    """Return the sources of plugins that are loaded by name and have a block with settings."""
    blocks = config.plugins.settings
    owners = {owner(name) for name in config.plugins.names if blocks.get(name)}
    return {spec.name for plugin in plugins.loaded if plugin.name in owners for spec in plugin.sources}


def check_settings(config: Config, plugins: Plugins, ruleset: Ruleset, options: AgentOptions) -> None:
    """Check that the sources can be made that a start opens, or that the configuration has settings for.

    :raises ConfigError: one cannot.
    """
    wrong = settings_problems(sources_to_check(config, plugins, ruleset, options), plugins)
    if wrong:
        raise ConfigError("\n".join(f"{name}: {problem}" for name, problem in wrong.items()))


def settings_problems(names: Iterable[str], plugins: Plugins) -> dict[str, str]:
    """Return why those of the sources *names* cannot be made whose settings are wrong, by source."""
    specs, settings = plugins.sources(), source_settings(plugins)
    found = {name: problem_of(functools.partial(specs[name].make, settings[name])) for name in names}
    return {name: problem for name, problem in found.items() if problem is not None}


def missing_files(config: Config, plugins: Plugins, options: AgentOptions) -> list[str]:
    """Return the files and folders that sources are to read and that are not there.

    :raises FalcohostError: the options do not fit the sources.
    """
    specs, settings = plugins.sources(), source_settings(plugins)
    found: dict[str, None] = {}
    for name in sources_to_check(config, plugins, None, options):
        with contextlib.suppress(Exception):  # what is wrong with it is reported by who opens it
            files = needs_of(specs[name].make(settings[name])).files or ()
            found |= dict.fromkeys(str(file) for file in files if not file.exists())
    return [*found]


def problem_of(do: Callable[[], object]) -> str | None:
    """Return the error of *do*; None if there is none."""
    try:
        do()
    except FalcohostError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
