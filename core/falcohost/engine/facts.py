"""Facts of a rule that every alert of the rule repeats. Whoever receives alerts checks them against these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from falcohost.alert import Alert, Priority, RuleMetadata

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule


class RuleFacts(msgspec.Struct, frozen=True):
    """The priority, tags and metadata of one rule. Plain data, which can be passed to another process.

    :ivar breaks: number of line breaks in the text of the rule's output, and so in that of each alert.
    """

    priority: Priority
    tags: tuple[str, ...]
    metadata: RuleMetadata
    breaks: int = 0

    def are_those_of(self, alert: Alert) -> bool:
        """Return whether *alert* repeats them."""
        return alert.priority == self.priority and alert.tags == self.tags and alert.metadata == self.metadata


#: Facts by the names of rules.
FactsByRule: TypeAlias = Mapping[str, RuleFacts]


def facts_by_rule(rules: Iterable[Rule]) -> dict[str, RuleFacts]:
    """Return the facts of *rules*, as :class:`~falcohost.engine.alerts.AlertMaker` puts them into alerts."""
    from falcohost.engine.alerts import metadata_of  # who only receives alerts does not need it

    return {rule.name: _facts(rule, metadata_of(rule)) for rule in rules}


def _facts(rule: Rule, metadata: RuleMetadata) -> RuleFacts:
    texts = (part for part in rule.output.parts if isinstance(part, str))
    return RuleFacts(rule.priority, rule.tags, metadata, sum(text.count("\n") for text in texts))
