"""Reads and logs what is configured, for a start of the agent and for :mod:`falcohost.cli.telling`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from falcohost import log as host_log
from falcohost.cli.flags import Flags
from falcohost.host.config import Config
from falcohost.host.config.keys import keys_without_effect, unknown_keys
from falcohost.host.plugins import Plugins
from falcohost.host.stamps import Stamps, stamps
from falcohost.host.trusted import check_rules
from falcohost.host.version import banner
from falcohost.log import NOTICE, LogConfig, log

if TYPE_CHECKING:
    from falcohost.rules.loaded import Loaded


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
