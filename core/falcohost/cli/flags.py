"""Falco's flags as they were given, and what they make of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from falcohost.host.config import Config, load_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """One value per flag, named as in :mod:`falcohost.cli.app`."""

    config: str | None = None
    options: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    validate: tuple[str, ...] = ()
    describe_all: bool = False
    describe: str | None = None
    listed: str | None = None
    list_events: bool = False
    list_plugins: bool = False
    plugin_info: str | None = None
    names_only: bool = False
    form: str | None = None
    markdown: bool = False
    enable_source: tuple[str, ...] = ()
    disable_source: tuple[str, ...] = ()
    seconds: float = 0
    unbuffered: bool = False
    suffix: str | None = None
    pidfile: str | None = None
    verbose: bool = False
    ignored: bool = False
    dry_run: bool = False
    version: bool = False
    support: bool = False
    page_size: bool = False
    rule_schema: bool = False
    config_schema: bool = False

    def configuration(self) -> Config:
        """Return the configuration that ``-c`` and ``-o`` name.

        :raises ConfigError: it cannot be read.
        """
        return load_config(self.config, self.options)
