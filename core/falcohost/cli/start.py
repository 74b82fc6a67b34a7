"""Starts the agent from flags: a process reads what is configured, while this one imports what runs the agent.

What reads imports what it takes itself: this process is the supervisor, which would have it for as long as it runs.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace as replace_fields

from falcohost.cli.flags import Flags
from falcohost.errors import ConfigError
from falcohost.log import log
from falcohost.outputs.stdout import STDOUT

if TYPE_CHECKING:
    from falcohost.host.agent_options import AgentOptions
    from falcohost.host.config import Config
    from falcohost.host.reader_link import Teller
    from falcohost.host.supervision.reader import Load, Reader

#: Seconds until a start in place is tried again for which there could be no process.
AGAIN: Final = 0.5


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
    options = replace_fields(flags.for_agent, once=once, progress=progress, summary=summary, json_summary=json_summary)
    gc.disable()  # until all is there of which forks are made: imports allocate much that stays, and hardly any cycles
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
        from falcohost.cli.configured import configure, load_rules, log_configuration
        from falcohost.host.config import find_config
        from falcohost.host.early import hand_early
        from falcohost.host.given import Configured
        from falcohost.host.loading import configured_plugins, log_warnings
        from falcohost.host.trusted import check_configuration

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
        from falcohost.cli.configured import load_rules
        from falcohost.host.assigning import beside_rules
        from falcohost.host.given import Configured
        from falcohost.host.hand_over import hand_over_again, read_baseline
        from falcohost.host.loading import configured_plugins
        from falcohost.host.missing_files import MissingFiles
        from falcohost.host.trusted import check_configuration

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
