"""Commands of the plugins that the configuration names.

Plugins are imported for this only when commands are listed or when the user types a command that is not falcohost's
own, and only plugins of other distributions: falcohost's own commands are all in its table. Other commands do not wait
for these imports.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from falcohost.api import GROUP, OURS
from falcohost.errors import FalcohostError, PluginError

if TYPE_CHECKING:
    from falcohost.host.plugins import Plugins


def listed(ctx: click.Context, own: Collection[str]) -> dict[str, str]:
    """Return the help line of each plugin command; empty if the configuration or a plugin has an error.

    :param own: the names of falcohost's own commands.
    """
    try:
        plugins = _plugins(ctx)
        commands = {} if plugins is None else plugins.commands()
    except FalcohostError:
        return {}
    return {name: spec.help for name, (_, spec) in commands.items() if name not in own}


def find(ctx: click.Context, name: str, own: Collection[str]) -> click.Command | None:
    """Return the plugin command *name*; None if no plugin has it.

    :raises FalcohostError: the configuration or a plugin has an error.
    """
    plugins = _plugins(ctx)
    if plugins is None:
        return None
    commands = plugins.commands()
    for taken in commands.keys() & own:
        plugin, _ = commands[taken]
        raise PluginError(f"the plugin '{plugin.name}' offers the command '{taken}', a name of falcohost's own")
    if name not in commands:
        if plugins.left_out:
            raise PluginError("\n".join(plugins.left_out.values()))
        return None
    plugin, spec = commands[name]
    return spec.make(plugin.settings)


def _plugins(ctx: click.Context) -> Plugins | None:
    from importlib.metadata import entry_points  # slow, and large

    # Without third-party plugins, which is cheap to find out, the configuration need not be read.
    if all(entry.dist is not None and entry.dist.name == OURS for entry in entry_points(group=GROUP)):
        return None
    from falcohost.host.config import load_config
    from falcohost.host.environment import restore
    from falcohost.host.plugins import load_others

    restore()

    # During shell completion the flags are parsed, but no command of ours has run.
    config = load_config(ctx.params.get("config"), ctx.params.get("options") or ())
    return load_others(config.plugins.names, config.for_plugins) if config.plugins.names else None
