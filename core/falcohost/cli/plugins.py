"""``falcohost plugins``: lists the installed plugins, and why a plugin cannot be used."""

from __future__ import annotations

from typing import Any

import click

from falcohost.cli.flags import Flags
from falcohost.host.plugins import Plugin, load_all, not_imported


@click.command(name="plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(flags: Flags, as_json: bool) -> None:
    """List the installed plugins and what each offers.

    A plugin of another distribution is imported, and what it offers is listed, only if the configuration names it.
    """
    plugins = load_all(flags.configuration().for_plugins, strict=False)
    idle = not_imported(plugins)
    if as_json:
        import json

        out = [_json(plugin) for plugin in plugins.loaded]
        out += [{"name": name, "error": reason} for name, reason in plugins.left_out.items()]
        out += [{"name": name, "distribution": of, "version": version} for name, (of, version) in idle.items()]
        click.echo(json.dumps(out, indent=2))
        return
    for plugin in plugins.loaded:
        click.echo(f"{click.style(plugin.name, fg='cyan', bold=True)}  ({plugin.distribution} {plugin.version})")
        for what, names in _offers(plugin):
            if names:
                click.echo(f"  {what:<11} {', '.join(names)}")
    for name, reason in plugins.left_out.items():
        click.echo(f"{click.style(name, fg='red', bold=True)}  {reason}")
    for name, (distribution, version) in idle.items():
        click.echo(f"{click.style(name, fg='cyan', bold=True)}  ({distribution} {version})")
        click.echo("  not imported, since the configuration does not name it: add it to load_plugins")


def _offers(plugin: Plugin) -> tuple[tuple[str, list[str]], ...]:
    return (
        ("sources", [spec.name for spec in plugin.sources]),
        ("outputs", [spec.name for spec in plugin.outputs]),
        ("subscribers", [spec.name for spec in plugin.subscribers]),
        ("actions", [spec.name for spec in plugin.actions]),
        ("lookups", [one.name for one in plugin.lookups]),
        ("drivers", [spec.name for spec in plugin.drivers]),
        ("commands", [spec.name for spec in plugin.commands]),
        ("keys", list(dict.fromkeys(key.key.rpartition(".")[0] or key.key for key in plugin.config_keys))),
        ("rules", [str(path) for path in plugin.rules]),
        ("stands for", [f"{stand.name} {stand.version}" for stand in plugin.stands_for]),
    )


def _json(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "sources": [{"name": spec.name, "description": spec.description} for spec in plugin.sources],
        "outputs": [{"name": spec.name, "description": spec.description} for spec in plugin.outputs],
        "subscribers": [{"name": spec.name, "description": spec.description} for spec in plugin.subscribers],
        "actions": [{"name": spec.name, "description": spec.description} for spec in plugin.actions],
        "lookups": [{"name": one.name, "description": one.spec.description} for one in plugin.lookups],
        "drivers": [{"name": spec.name, "description": spec.description} for spec in plugin.drivers],
        "commands": [{"name": spec.name, "description": spec.help} for spec in plugin.commands],
        "config_keys": [{"key": key.key, "description": key.help} for key in plugin.config_keys],
        "rules": [str(path) for path in plugin.rules],
        "stands_for": [{"name": stand.name, "version": stand.version} for stand in plugin.stands_for],
    }
