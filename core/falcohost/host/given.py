"""The input of a run of the agent: configuration, rules files and command line."""

from __future__ import annotations

from dataclasses import dataclass

from falcohost.engine.ruleset import Ruleset
from falcohost.host.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """What the command line says of a run."""

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
    """What the configuration and the rules files say.

    :ivar files: the files themselves, and the folders that were named, whose change is watched for.
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
        """Return the files whose change calls for a reload."""
        return self.files if self.config.rules.watched else ()
