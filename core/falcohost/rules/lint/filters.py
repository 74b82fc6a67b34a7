"""Finds rules because of which a source passes on every event of a frequent type: too wide to be pushed down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.hookspecs import SourceSpec
from falcohost.rules.lint.finding import Finding
from falcohost.rules.lint.subject import Subject, about, beginning

#: Most event types in a message.
_MOST = 6


def wide(subject: Subject) -> Iterator[Finding]:
    """Yield the rules whose conditions the source cannot decide in part for a frequent type of events."""
    for compiled in subject.rules:
        if compiled.rule is None or compiled.never:
            continue
        found = list(_unfiltered(subject.sources[compiled.rule.source], compiled.rule))
        if found:
            names = [name for name, _ in found]
            types = ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
            why = "; ".join(dict.fromkeys(why for _, why in found))
            what = f"every {types} reaches the engine because of the rule: {why}"
            mend = "add a check that the source decides outside of any 'or', as falcohost rules explain shows"
            spot = beginning(compiled.definition.condition_context)
            yield about(compiled.definition, "wide-filter", what, mend, spot=spot)


def _unfiltered(spec: SourceSpec, rule: Rule) -> Iterable[tuple[str, str]]:
    return () if spec.unfiltered is None else spec.unfiltered(make_plan(rule.source, [rule]))
