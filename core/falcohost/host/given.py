"""The input of a run of the agent: configuration, rules files and command line."""

from __future__ import annotations

from msgspec import Struct

from falcohost.engine.ruleset import Ruleset
from falcohost.host.config import Config
from falcohost.host.stamps import Stamps
from falcohost.outputs.stdout import STDOUT


class AgentOptions(Struct, frozen=True, kw_only=True):
    """The command line's options for a run.

    :ivar summary: descriptor to which the summary is written at the end; *json_summary*: as one line of JSON.
    :ivar once: the sources are read once; one that gives up ends the run.
    """

    enable_sources: tuple[str, ...] = ()
    disable_sources: tuple[str, ...] = ()
    seconds: float = 0
    unbuffered: bool = False
    verbose: bool = False
    pidfile: str | None = None
    progress: bool = False
    once: bool = False
    summary: int = STDOUT
    json_summary: bool = False


class Configured(Struct, frozen=True):
    """The contents of the configuration and of the rules files.

    :ivar read: stat(2) results of all files and configured folders, taken before they were read.
    """

    config: Config
    ruleset: Ruleset
    read: Stamps

    @property
    def rules(self) -> list[str]:
        """Return the names of all rules, in order of definition."""
        return [rule.name for rule in self.ruleset.rules]
