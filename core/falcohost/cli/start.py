"""From flags to a running agent: the configuration read and told of, plugins and rules loaded, then run."""

from __future__ import annotations

import click

from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line
from falcohost.host import log as host_log
from falcohost.host.config import Config, keys_without_effect, unknown_keys
from falcohost.host.log import NOTICE, log
from falcohost.host.plugins import Plugins
from falcohost.host.version import banner


def configure(flags: Flags) -> Config:
    """Read the configuration, begin to log as it says, and log what it is.

    :raises ConfigError: it cannot be read.
    """
    config = flags.configuration()
    host_log.configure(config.log)
    log.info("%s", banner())
    return config


def log_configuration(config: Config, plugins: Plugins) -> None:
    """Log the files, the keys that are unknown, and those that are without effect."""
    wrong = [*config.document.warnings, *unknown_keys(config, list(plugins.outputs()))]
    if config.document.files:
        log.info("Falcohost initialized with configuration files:")
    for file in config.document.files:
        of_file = [text for text in wrong if text.startswith(f"{file}:")]
        log.info("   %s | schema validation: %s", file, "failed" if of_file else "ok")
    for text in wrong:
        log.warning("%s", text)
    if idle := keys_without_effect(config):
        log.log(NOTICE, "Configured, but without effect in this version of falcohost: %s", ", ".join(idle))


def start(flags: Flags, config: Config) -> int:
    """Load the rules, then describe them or run, as *flags* say; return the exit status.

    :raises FalcohostError: something is wrong with plugins, rules or the run.
    """
    from falcohost.host.loading import configured_plugins, load_configured_rules, log_warnings

    plugins = configured_plugins(config)
    log_configuration(config, plugins)
    outcome = load_configured_rules(config, plugins, flags.rules, flags.suffix)
    outcome.check()
    log_warnings(outcome.results)
    if flags.describe_all or flags.describe is not None:
        from falcohost.cli.describe import describe
        from falcohost.rules.describe import description_table

        described = describe(outcome, plugins, flags.describe)
        click.echo(json_line(described) if config.alerts.json else description_table(described))
        return 0
    if flags.support:
        from falcohost.cli.support import support

        click.echo(support(config, [result.file for result in outcome.results]))
        return 0
    ruleset = outcome.ruleset
    del outcome
    from falcohost.host.agent import AgentOptions, run_agent

    run_agent(
        config,
        plugins,
        ruleset,
        AgentOptions(
            enable_sources=flags.enable_source,
            disable_sources=flags.disable_source,
            seconds=flags.seconds,
            unbuffered=flags.unbuffered,
            verbose=flags.verbose,
            dry_run=flags.dry_run,
            pidfile=flags.pidfile,
        ),
    )
    return 0
