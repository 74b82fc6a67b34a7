"""Commands that plugins bring: those of the plugins that the configuration names.

They are asked for only where commands are listed, or one is typed that is not falcohost's own; and only plugins of
other distributions are, since falcohost's own commands are all in its table. So nothing else waits for an import.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import click

from falcohost.api import GROUP, OURS
from falcohost.errors import FalcohostError, PluginError

if TYPE_CHECKING:
    from falcohost.host.plugins import Plugins


def listed(ctx: click.Context, own: Collection[str]) -> dict[str, str]:
    """Return the line of each command of a plugin; none where the configuration or a plugin is wrong.

    :param own: the names of falcohost's own commands.
    """
    try:
        plugins = _plugins(ctx)
        commands = {} if plugins is None else plugins.commands()
    except FalcohostError:
        return {}
    return {name: spec.help for name, (_, spec) in commands.items() if name not in own}


def find(ctx: click.Context, name: str, own: Collection[str]) -> click.Command | None:
    """Return the command *name*; None if no plugin has it.

    :raises FalcohostError: the configuration or a plugin is wrong.
    """
    plugins = _plugins(ctx)
    if plugins is None:
        return None
    commands = plugins.commands()
    for taken in commands.keys() & own:
        plugin, _ = commands[taken]
        raise PluginError(f"the plugin '{plugin.name}' offers the command '{taken}', which is falcohost's own")
    if name not in commands:
        if plugins.left_out:
            raise PluginError("\n".join(plugins.left_out.values()))
        return None
    plugin, spec = commands[name]
    return spec.make(plugin.settings)


def _plugins(ctx: click.Context) -> Plugins | None:
    # Where there are no plugins of others, which is soon known, not even the configuration has to be read.
    if all(entry.dist is not None and entry.dist.name == OURS for entry in entry_points(group=GROUP)):
        return None
    from falcohost.host.config import load_config
    from falcohost.host.plugins import load_others

    # Where the shell completes, the flags have been parsed, but no command of ours has run.
    config = load_config(ctx.params.get("config"), ctx.params.get("options") or ())
    return load_others(config.plugins.names, config.for_plugins) if config.plugins.names else None
