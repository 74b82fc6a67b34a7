"""``falcohost`` without a command: handles Falco's flags, in Falco's order."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import click

from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line, pretty_json
from falcohost.errors import ConfigError
from falcohost.host.environment import restore

if TYPE_CHECKING:
    from falcohost.host.config import Config


def follow(flags: Flags) -> int:
    """Do what *flags* ask for; return the exit status.

    :raises FalcohostError: something is wrong with the flags, the configuration, plugins, rules or the run.
    """
    if flags.runs:
        from falcohost.cli import start

        return start.start(flags)
    restore()
    printed = _without_configuration(flags)
    if printed is not None:
        click.echo(printed)
        return 0
    from falcohost.cli import configured, telling

    config = configured.configure(flags)
    printed = _with_configuration(flags, config)
    if printed is not None:
        click.echo(printed)
        return 0
    if flags.validate:
        from falcohost.cli.validate import validate

        return validate(flags, config)
    return telling.tell(flags, config)


def _without_configuration(flags: Flags) -> str | None:
    if flags.config_schema:
        from falcohost.host.config.keys import config_schema
        from falcohost.host.plugins import load_all

        return pretty_json(config_schema(load_all().known_keys()))
    if flags.rule_schema:
        from falcohost.rules.schema import SCHEMA

        return pretty_json(SCHEMA)
    return None


def _with_configuration(flags: Flags, config: Config) -> str | None:
    if flags.version:
        from falcohost.host import version

        return json_line(version.as_json()) if config.alerts.json else version.as_text()
    if flags.page_size:
        return f"Your system page size is: {os.sysconf('SC_PAGE_SIZE')} bytes"
    if flags.ignored:
        return _ignored(config)
    if flags.plugin_info is not None or flags.list_plugins:
        return _plugins(flags, config)
    if flags.list_events or flags.listed is not None:
        return _listing(flags, config)
    return None


def _ignored(config: Config) -> str:
    """Return the list of event types that only rules that name them get."""
    from falcohost.host.loading import configured_plugins

    sources = [source for source in configured_plugins(config).sources().values() if source.on_request]
    lines = [[f"Ignored {source.name}(s):", *(f"- {name}" for name in sorted(source.on_request))] for source in sources]
    return "\n".join([*itertools.chain.from_iterable(lines), ""])


def _plugins(flags: Flags, config: Config) -> str:
    from falcohost.cli.plugin_info import find_plugin, list_plugins, plugin_info
    from falcohost.host.loading import configured_plugins

    plugins = configured_plugins(config)
    return list_plugins(plugins) if flags.plugin_info is None else plugin_info(find_plugin(plugins, flags.plugin_info))


def _listing(flags: Flags, config: Config) -> str:
    from falcohost.cli import listing
    from falcohost.host.catalogs import all_fields
    from falcohost.host.loading import configured_plugins
    from falcohost.host.plugins import load_all

    form = listing.chosen_format(flags.form, flags.markdown)
    plugins = configured_plugins(config)
    if flags.listed and flags.listed not in plugins.sources():
        plugins = load_all(config.for_plugins)
        if flags.listed not in plugins.sources():
            raise ConfigError("Value for --list must be a valid source type")
    if flags.list_events:
        from falcohost.cli.event_listing import list_events

        return list_events(plugins.sources().values(), form)
    fields = {name: found for name, found in all_fields(plugins).items() if flags.listed in ("", name)}
    return listing.list_fields(listing.field_classes(fields), form, names_only=flags.names_only, types=flags.verbose)
