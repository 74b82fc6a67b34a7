"""``falcohost`` without a command: what Falco's flags ask for, in Falco's order."""

from __future__ import annotations

import os

import click

from falcohost.cli.flags import Flags
from falcohost.errors import ConfigError


def follow(flags: Flags) -> int:
    """Do what *flags* ask for; return the exit status.

    :raises FalcohostError: it cannot be done.
    """
    if _printed_without_configuration(flags):
        return 0
    from falcohost.cli import start

    config = start.configure(flags)
    if flags.version:
        from falcohost.host import version

        click.echo(_json(version.as_json()) if config.alerts.json else version.as_text(), nl=config.alerts.json)
    elif flags.page_size:
        click.echo(f"Your system page size is: {os.sysconf('SC_PAGE_SIZE')} bytes.")
    elif flags.plugin_info is not None or flags.list_plugins or flags.list_events or flags.listed is not None:
        _print_listing(flags, start.plugins_for(config))
    elif flags.validate:
        from falcohost.cli.validate import validate

        return validate(flags, config)
    else:
        return start.start(flags, config)
    return 0
