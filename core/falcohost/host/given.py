"""The input of a run of the agent: configuration, rules files and command line."""

from __future__ import annotations

from dataclasses import dataclass

from falcohost.engine.ruleset import Ruleset
from falcohost.host.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """The command line's options for a run."""

    enable_sources: tuple[str, ...] = ()
    disable_sources: tuple[str, ...] = ()
    seconds: float = 0
    unbuffered: bool = False
    verbose: bool = False
    dry_run: bool = False
    pidfile: str | None = None
    progress: bool = False


@dataclass(frozen=True, slots=True)
class Configured:
    """The contents of the configuration and of the rules files.

    :ivar files: the files that were read, and the folders that were named; all are watched for changes.
    """

    config: Config
    ruleset: Ruleset
    files: tuple[str, ...]

    @property
    def rules(self) -> list[str]:
        """Return the names of all rules, in order of definition."""
        return [rule.name for rule in self.ruleset.rules]

    @property
    def watched(self) -> tuple[str, ...]:
        """Return the files that trigger a reload when they change."""
        return self.files if self.config.rules.watched else ()
