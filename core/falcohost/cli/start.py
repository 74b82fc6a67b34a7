"""Starts the agent from flags: reads and logs the configuration, loads plugins and rules, and runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from falcohost import log as host_log
from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line
from falcohost.host.config import Config, find_config
from falcohost.host.config.document import Document
from falcohost.host.config.keys import keys_without_effect, unknown_keys
from falcohost.host.plugins import Plugins
from falcohost.host.stamps import Stamps, stamps
from falcohost.host.version import banner
from falcohost.log import NOTICE, log
from falcohost.outputs.stdout import STDOUT

if TYPE_CHECKING:
    from falcohost.host.given import Configured
    from falcohost.rules.loaded import Loaded


def configure(flags: Flags) -> Config:
    """Read the configuration, set up the log, and log the version.

    :raises ConfigError: it cannot be read.
    """
    config = flags.configuration()
    host_log.configure(config.log)
    log.info("%s", banner())
    for text in flags.deprecations():
        log.warning("%s", text)
    return config


def log_configuration(config: Config, plugins: Plugins) -> None:
    """Log the configuration files, unknown keys, and keys that have no effect."""
    known, root = plugins.known_keys(), config.document.root
    wrong = [*config.document.warnings, *unknown_keys(root, known)]
    if config.document.files:
        log.info("Falcohost initialized with configuration files:")
    for file in config.document.files:
        of_file = [text for text in wrong if text.startswith(f"{file}:")]
        log.info("   %s | schema validation: %s", file, "failed" if of_file else "ok")
    for text in wrong:
        log.warning("%s", text)
    for path, where in config.document.missing.items():
        log.warning("%s: config_files names %s, which is not there: nothing is read from it", where, path)
    for key, reason in keys_without_effect(root, known):
        log.log(NOTICE, "%s has no effect: %s", key, reason)


def start(flags: Flags, config: Config, *, once: bool = False, progress: bool = False, summary: int = STDOUT) -> int:
    """Load the rules, then describe them or run, as *flags* say; return the exit status.

    :param once: a source that gives up ends the run.
    :param progress: show the sources' progress on stderr.
    :param summary: descriptor to which the summary is written.

    :raises FalcohostError: something is wrong with plugins, rules or the run.
    """
    from falcohost.host.loading import configured_plugins, log_warnings

    plugins = configured_plugins(config)
    log_configuration(config, plugins)
    if flags.describe_all or flags.describe is not None:
        return _describe(flags, config, plugins)
    loaded, read = _load_rules(flags, config, plugins)
    log_warnings(loaded.results, plugins)
    if flags.support:
        from falcohost.cli.support import support

        secret = {key.key for plugin in plugins.loaded for key in plugin.config_keys if key.secret}
        click.echo(support(config, [result.file for result in loaded.results], secret))
        return 0
    from falcohost.host.agent import run_agent
    from falcohost.host.given import AgentOptions, Configured

    given = Configured(config, loaded.ruleset, read)
    del loaded

    options = AgentOptions(
        enable_sources=flags.enable_source,
        disable_sources=flags.disable_source,
        seconds=flags.seconds,
        unbuffered=flags.unbuffered,
        verbose=flags.verbose,
        dry_run=flags.dry_run,
        pidfile=flags.pidfile,
        once=once,
        progress=progress,
        summary=summary,
    )
    # Another default file must not take the place of one that is gone.
    again = replace(flags, config=find_config(flags.config))
    run_agent(given, plugins, options, lambda: _load(again, config.document, plugins))
    return 0


def _load(flags: Flags, before: Document, plugins: Plugins) -> Configured:
    """Load the configuration and rules anew, for a reload; *before*: the configuration files at the start.

    :raises FalcohostError: something in them is wrong, or a file of the configuration is no longer there.
    """
    from falcohost.host.config.rules import MissingFiles
    from falcohost.host.given import Configured

    config = flags.configuration()
    if gone := [path for path in config.document.missing if path not in before.missing]:
        raise MissingFiles(f"config_files names {', '.join(gone)}, which is no longer there", gone)
    loaded, read = _load_rules(flags, config, plugins)
    return Configured(config, loaded.ruleset, read)


def _load_rules(flags: Flags, config: Config, plugins: Plugins) -> tuple[Loaded, Stamps]:
    """Return the rules, and how the files of the configuration and of the rules looked before they were read."""
    from falcohost.host.loading import files_to_load, load_to_run

    # What was named may be a folder, to which files are added.
    named = stamps(flags.rules or config.rules.files or ())
    files = files_to_load(config.rules, plugins, flags.rules, flags.wants)
    read = {**stamps(files), **named, **config.document.stamps}
    loaded = load_to_run(config, plugins, files, flags.suffix)
    loaded.check()
    return loaded, read


def _describe(flags: Flags, config: Config, plugins: Plugins) -> int:
    from falcohost.cli.describe import describe
    from falcohost.host.loading import load_configured_rules, log_warnings
    from falcohost.rules.describe import description_table

    outcome = load_configured_rules(config, plugins, flags.rules, flags.suffix)
    outcome.check()
    log_warnings(outcome.results, plugins)
    described = describe(outcome, plugins, flags.describe)
    click.echo(json_line(described) if config.alerts.json else description_table(described))
    return 0
