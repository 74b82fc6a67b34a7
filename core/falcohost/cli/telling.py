"""Tells what the agent would do, without starting it: describes rules, or checks a start."""

from __future__ import annotations

import click

from falcohost.cli.configured import load_rules, log_configuration
from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line
from falcohost.host.config import Config
from falcohost.host.plugins import Plugins
from falcohost.host.trusted import check_configuration


def tell(flags: Flags, config: Config) -> int:
    """Load the rules, then describe them or check a start, as *flags* say; return the exit status.

    :raises FalcohostError: something is wrong with plugins or rules, or a start would fail.
    """
    from falcohost.host.loading import configured_plugins, log_warnings

    describes = flags.describe_all or flags.describe is not None
    if not describes:
        check_configuration(config)
    plugins = configured_plugins(config)
    log_configuration(config, plugins)
    if describes:
        return _describe(flags, config, plugins)
    loaded, read = load_rules(flags, config, plugins)
    log_warnings(loaded.results, plugins)
    if flags.support:
        from falcohost.cli.support import support

        secret = {key.key for plugin in plugins.loaded for key in plugin.config_keys if key.secret}
        click.echo(support(config, [result.file for result in loaded.results], secret))
        return 0
    from falcohost.host.dry_run import check_agent
    from falcohost.host.given import Configured

    check_agent(Configured(config, loaded.ruleset, read), plugins, flags.for_agent)
    return 0


def _describe(flags: Flags, config: Config, plugins: Plugins) -> int:
    from falcohost.cli.describe import describe
    from falcohost.host.loading import load_configured_rules, log_warnings
    from falcohost.rules.describe import description_table

    outcome = load_configured_rules(config, plugins, flags.rules, flags.suffix)
    outcome.check()
    log_warnings(outcome.results, plugins)
    described = describe(outcome, plugins, flags.describe, config.response)
    click.echo(json_line(described) if config.alerts.json else description_table(described))
    return 0
