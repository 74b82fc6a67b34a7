"""What the checks look at: loaded rules, their outlines, and where items are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from falcohost.engine.catalog import Catalog
from falcohost.hookspecs import SourceSpec
from falcohost.rules.definitions import ListDef, MacroDef, RuleDef
from falcohost.rules.lint.finding import Finding
from falcohost.rules.loader import LoadOutcome
from falcohost.rules.outline import Outline, Outliner
from falcohost.rules.places import Context
from falcohost.rules.results import Spot
from falcohost.rules.rule_compiler import CompiledRule


@dataclass(frozen=True)
class Subject:
    """Rules that were loaded without errors, with the fields of the sources.

    :ivar first: of the rules that match an event only the first is reported.
    """

    outcome: LoadOutcome
    catalogs: Mapping[str, Catalog]
    sources: Mapping[str, SourceSpec]
    first: bool = True
    _outlines: dict[str, Outline] = field(default_factory=dict)
    _outliners: dict[str, Outliner] = field(default_factory=dict)

    @property
    def rules(self) -> Iterable[CompiledRule]:
        """Return the rules, enabled or not."""
        return self.outcome.compiled.rules

    def outline(self, rule: RuleDef) -> Outline:
        """Return the outline of the condition of *rule*."""
        if rule.name not in self._outlines:
            if rule.source not in self._outliners:
                self._outliners[rule.source] = Outliner(self.outcome, self.catalogs[rule.source])
            self._outlines[rule.name] = self._outliners[rule.source].rule(rule)
        return self._outlines[rule.name]


def about(item: RuleDef | MacroDef | ListDef, check: str, what: str, mend: str, *, spot: Spot | None = None) -> Finding:
    """Return a finding in *item*, at its beginning unless its *spot* is known better."""
    kind = "rule" if isinstance(item, RuleDef) else "macro" if isinstance(item, MacroDef) else "list"
    begin = beginning(item.context)
    spot, within = spot or begin, f"{kind} '{item.name}'"
    head = begin.place.line if spot.file.name == begin.file.name else None
    return Finding(check=check, spot=spot, what=what, mend=mend, within=within, head=head)


def about_part(part: Outline, rules: Iterable[RuleDef], check: str, what: str, mend: str) -> Finding:
    """Return a finding in *part* of the condition of one of *rules*, or of a macro that all of them use."""
    item = part.text.item
    users = tuple(dict.fromkeys(rule.name for rule in rules)) if isinstance(item, MacroDef) else ()
    return replace(about(item, check, what, mend, spot=part.spot), users=users)


def beginning(context: Context) -> Spot:
    """Return where the item at the end of *context* begins."""
    return Spot(context.file, context.locations[-1].place)
