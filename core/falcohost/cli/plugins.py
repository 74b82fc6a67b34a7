"""``falcohost plugins``: lists the installed plugins, and why a plugin cannot be used."""

from __future__ import annotations

from typing import Any

import click

from falcohost.host.plugins import Plugin, load_all


@click.command(name="plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the installed plugins and what each offers."""
    plugins = load_all()
    if as_json:
        import json

        out = [_json(plugin) for plugin in plugins.loaded]
        out += [{"name": name, "error": reason} for name, reason in plugins.left_out.items()]
        click.echo(json.dumps(out, indent=2))
        return
    for plugin in plugins.loaded:
        click.echo(f"{click.style(plugin.name, fg='cyan', bold=True)}  ({plugin.distribution} {plugin.version})")
        for what, names in _offers(plugin):
            if names:
                click.echo(f"  {what:<11} {', '.join(names)}")
    for name, reason in plugins.left_out.items():
        click.echo(f"{click.style(name, fg='red', bold=True)}  {reason}")


def _offers(plugin: Plugin) -> tuple[tuple[str, list[str]], ...]:
    return (
        ("sources", [spec.name for spec in plugin.sources]),
        ("outputs", [spec.name for spec in plugin.outputs]),
        ("subscribers", [spec.name for spec in plugin.subscribers]),
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
        "lookups": [{"name": one.name, "description": one.spec.description} for one in plugin.lookups],
        "drivers": [{"name": spec.name, "description": spec.description} for spec in plugin.drivers],
        "commands": [{"name": spec.name, "description": spec.help} for spec in plugin.commands],
        "config_keys": [{"key": key.key, "description": key.help} for key in plugin.config_keys],
        "rules": [str(path) for path in plugin.rules],
        "stands_for": [{"name": stand.name, "version": stand.version} for stand in plugin.stands_for],
    }
