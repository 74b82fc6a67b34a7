"""The values of Falco's flags, and the configuration that follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from falcohost.errors import ConfigError

if TYPE_CHECKING:
    from falcohost.host.agent_options import AgentOptions
    from falcohost.host.config import Config
    from falcohost.rules.selection import Selection

_CONTRADICTION = "Runtime error: You can not specify both disabled (-D/-T) and enabled (-t) rules. Exiting."
_BESIDE_RULES = (
    'Specifying -D, -t, -T command line options together with "rules:" configuration or -o "rules..." is not supported.'
)


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
    disable_rules: tuple[str, ...] = ()
    disable_tags: tuple[str, ...] = ()
    enable_tags: tuple[str, ...] = ()
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

    @property
    def runs(self) -> bool:
        """Return whether the agent is to run, and nothing is only to be told."""
        texts = (self.describe, self.listed, self.plugin_info)
        told = (self.describe_all, self.list_events, self.list_plugins, self.ignored, self.dry_run, self.version)
        also = (self.support, self.page_size, self.rule_schema, self.config_schema, self.validate)
        return not any(told) and not any(also) and all(text is None for text in texts)

    def wants(self, source: str) -> bool:
        """Return whether ``--enable-source`` and ``--disable-source`` leave *source*."""
        return source in self.enable_source if self.enable_source else source not in self.disable_source

    @property
    def for_agent(self) -> AgentOptions:
        """Return the options of a run."""
        from falcohost.host.agent_options import AgentOptions

        return AgentOptions(
            enable_sources=self.enable_source,
            disable_sources=self.disable_source,
            seconds=self.seconds,
            unbuffered=self.unbuffered,
            verbose=self.verbose,
            pidfile=self.pidfile,
        )

    def configuration(self) -> Config:
        """Return the configuration that ``-c`` and ``-o`` name, with the rules that ``-D``, ``-T`` and ``-t`` select.

        :raises ConfigError: it cannot be read, or the flags contradict each other.
        """
        from falcohost.host.config import load_config  # which the supervisor does without

        config = load_config(self.config, self.options)
        selections = self._selections()
        if not selections:
            return config
        if config.rules.selections:
            raise ConfigError(_BESIDE_RULES)
        return replace(config, rules=replace(config.rules, selections=selections))

    def _selections(self) -> tuple[Selection, ...]:
        """Return the rule selections of ``-D``, ``-T`` and ``-t``, which Falco had until 0.39."""
        if (self.disable_rules or self.disable_tags) and self.enable_tags:
            raise ConfigError(_CONTRADICTION)
        from falcohost.rules.selection import Selection

        none = (Selection(enable=False, rule="*"),) if self.enable_tags else ()
        return (
            *(Selection(enable=False, rule=f"*{text}*") for text in self.disable_rules),
            *(Selection(enable=False, tag=tag) for tag in self.disable_tags),
            *none,
            *(Selection(enable=True, tag=tag) for tag in self.enable_tags),
        )

    def deprecations(self) -> list[str]:
        """Return a warning for each deprecated flag that was given."""
        old = {
            "-D": (self.disable_rules, "rules[].disable.rule=<wildcard-pattern>"),
            "-T": (self.disable_tags, "rules[].disable.tag=<tag>"),
            "-t": (self.enable_tags, "rules[].disable.rule=* -o rules[].enable.tag=<tag>"),
        }
        return [f"{flag} is deprecated, use -o {mend} instead" for flag, (given, mend) in old.items() if given]
