"""The rules of one source, compiled for the pipeline: the plan for the source and the functions that match events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.events import Event, Plan

Match: TypeAlias = Callable[[Event], Sequence[Rule]]
MatchViews: TypeAlias = Callable[[Sequence[Event]], Sequence[tuple[Rule, Event]]]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one source.

    :ivar plan: what they want of the source.
    :ivar match: returns the rules that an event matches.
    :ivar match_views: the same of an event with several views, each rule with the view that it matches.
    """

    plan: Plan
    match: Match
    match_views: MatchViews

    @classmethod
    def compiled(cls, source: str, rules: Sequence[Rule], *, first: bool) -> Rules:
        """Compile *rules*, the enabled ones of *source*; *first*: only the first that an event matches counts."""
        matcher = Matcher(rules, first=first)
        return cls(make_plan(source, rules), matcher.match, matcher.match_views)
