"""The input of a run of the agent: configuration and rules files."""

from __future__ import annotations

from msgspec import Struct

from falcohost.engine.ruleset import Ruleset
from falcohost.host.config import Config
from falcohost.host.stamps import Stamps


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
