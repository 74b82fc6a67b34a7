"""Starts the agent from flags, or tells what it would do: reads and logs the configuration, loads plugins and rules."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import replace as replace_fields

from falcohost import log as host_log
from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line
from falcohost.errors import ConfigError
from falcohost.host.config import Config, find_config
from falcohost.host.config.keys import keys_without_effect, unknown_keys
from falcohost.host.plugins import Plugins
from falcohost.host.stamps import Stamps, stamps
from falcohost.host.trusted import check_configuration, check_rules
from falcohost.host.version import banner
from falcohost.log import NOTICE, LogConfig, log
from falcohost.outputs.stdout import STDOUT

if TYPE_CHECKING:
    from falcohost.host.given import AgentOptions
    from falcohost.host.reader_link import Teller
    from falcohost.host.supervision.reader import Load, Reader
    from falcohost.rules.loaded import Loaded

#: Seconds until a start in place is tried again for which there could be no process.
AGAIN: Final = 0.5


def configure(flags: Flags, set_up: Callable[[LogConfig], None] = host_log.configure) -> Config:
    """Read the configuration, set up the log, and log the version.

    :raises ConfigError: it cannot be read.
    """
    config = flags.configuration()
    set_up(config.log)
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


def start(
    flags: Flags,
    prepared: Callable[[Flags], Flags] = lambda flags: flags,
    *,
    once: bool = False,
    progress: bool = False,
    summary: int = STDOUT,
    json_summary: bool = False,
) -> int:
    """Run the agent as *flags* say; return the exit status.

    :param prepared: returns the flags with what the configuration adds to them; called where that is read.
    :param once: a source that gives up ends the run.
    :param progress: show the sources' progress on stderr.
    :param summary: descriptor to which the summary is written; *json_summary*: as one line of JSON.

    :raises FalcohostError: something is wrong with the configuration, plugins, rules or the run.
    """
    from falcohost.host.confine.rights import rights_problem
    from falcohost.host.open_files import open_files_problem

    if problem := rights_problem() or open_files_problem():
        raise ConfigError(problem)
    options = replace_fields(_options(flags), once=once, progress=progress, summary=summary, json_summary=json_summary)
    loading = Loading(flags, prepared, options)
    reader = _started(loading)
    from falcohost.host.agent import run_agent  # while the reader reads

    run_agent(reader, loading.again, options)
    return 0


def _started(loading: Loading) -> Reader:
    """Return the process that loads for a start.

    An agent that has executed itself anew does not end because there can be no process now: it tries again.

    :raises ConfigError: there can be none.
    """
    from falcohost.host.shortage import no_process
    from falcohost.host.supervision.keeping import VARIABLE
    from falcohost.host.supervision.notify import from_environment
    from falcohost.host.supervision.reader import Reader

    told = False
    while True:
        try:
            return Reader(loading.first)
        except OSError as error:
            if VARIABLE not in os.environ:
                raise ConfigError(f"falcohost cannot start: {no_process(error)}") from error
            if not told:
                log.error("falcohost cannot start again yet, and tries again and again: %s", no_process(error))
            told = True
        from_environment().alive()
        time.sleep(AGAIN)


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

    check_agent(Configured(config, loaded.ruleset, read), plugins, _options(flags))
    return 0


class Loading:
    """What the reader does: reads configuration, plugins and rules as *flags* say, and hands over what each needs."""

    def __init__(self, flags: Flags, prepared: Callable[[Flags], Flags], options: AgentOptions) -> None:
        self._flags = flags
        self._prepared = prepared
        self._options = options

    def first(self, teller: Teller) -> bool:
        """Load for a start.

        :raises FalcohostError: something is wrong, or the agent cannot start like this.
        """
        from falcohost.host.early import hand_early
        from falcohost.host.given import Configured
        from falcohost.host.loading import configured_plugins, log_warnings

        flags = self._prepared(self._flags)
        config = configure(flags, teller.log_to)
        check_configuration(config)
        plugins = configured_plugins(config)
        hand_early(teller, config, plugins, self._chosen(flags))
        log_configuration(config, plugins)
        loaded, read = load_rules(flags, config, plugins)
        log_warnings(loaded.results, plugins)
        from falcohost.host.hand_over import hand_over

        given = Configured(config, loaded.ruleset, read)
        # Another default file must not take the place of one that is gone.
        file = find_config(flags.config)
        missing = [*map(os.fsencode, config.document.missing)]
        hand_over(teller, given, plugins, self._chosen(flags), None if file is None else os.fsencode(file), missing)
        return True

    def again(self, baseline: int) -> Load:
        """Return what loads for a reload; *baseline*: the memfd with what the agent was started with."""
        return lambda teller: self._again(teller, baseline)

    def _again(self, teller: Teller, descriptor: int) -> bool:
        """Load for a reload; return False if more than rules has changed.

        :raises FalcohostError: something is wrong, or a file of the configuration is no longer there.
        """
        from falcohost.host.assigning import beside_rules
        from falcohost.host.config.rules import MissingFiles
        from falcohost.host.given import Configured
        from falcohost.host.hand_over import hand_over_again, read_baseline
        from falcohost.host.loading import configured_plugins

        baseline = read_baseline(descriptor)
        file = self._flags.config if baseline.config is None else os.fsdecode(baseline.config)
        flags = self._prepared(replace(self._flags, config=file))
        config = flags.configuration()
        check_configuration(config)
        if gone := [path for path in config.document.missing if os.fsencode(path) not in baseline.missing]:
            raise MissingFiles(f"config_files names {', '.join(gone)}, which is no longer there", gone)
        if beside_rules(config) != baseline.beside_rules:
            self._tell_missing(teller, flags, config)
            return False
        plugins = configured_plugins(config)
        loaded, read = load_rules(flags, config, plugins)
        given = Configured(config, loaded.ruleset, read)
        return hand_over_again(teller, given, plugins, self._chosen(flags), baseline)

    def _tell_missing(self, teller: Teller, flags: Flags, config: Config) -> None:
        """Tell which files of sources are not there, as far as that can be said here."""
        from falcohost.host.loading import configured_plugins
        from falcohost.host.sources import missing_files

        with contextlib.suppress(Exception):  # a dry run tells what is wrong
            teller.miss(missing_files(config, configured_plugins(config), self._chosen(flags)))

    def _chosen(self, flags: Flags) -> AgentOptions:
        """Return the options with the sources that *flags* choose."""
        return replace_fields(self._options, enable_sources=flags.enable_source, disable_sources=flags.disable_source)


def _options(flags: Flags) -> AgentOptions:
    from falcohost.host.given import AgentOptions

    return AgentOptions(
        enable_sources=flags.enable_source,
        disable_sources=flags.disable_source,
        seconds=flags.seconds,
        unbuffered=flags.unbuffered,
        verbose=flags.verbose,
        pidfile=flags.pidfile,
    )


def load_rules(flags: Flags, config: Config, plugins: Plugins) -> tuple[Loaded, Stamps]:
    """Return the rules, and how the files of the configuration and of the rules looked before they were read."""
    from falcohost.host.loading import files_to_load, load_to_run

    # What was named may be a folder, to which files are added.
    named = stamps(flags.rules or config.rules.files or ())
    files = files_to_load(config.rules, plugins, flags.rules, flags.wants)
    check_rules(config, files, named)
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
    described = describe(outcome, plugins, flags.describe, config.response)
    click.echo(json_line(described) if config.alerts.json else description_table(described))
    return 0
