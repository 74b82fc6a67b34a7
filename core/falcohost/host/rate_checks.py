"""Warns of limits (``falcohost.limits``) that hold back nothing: of rules that are not there, by fields they lack."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from falcohost.engine.ruleset import Ruleset
from falcohost.log import log
from falcohost.store.rates import RateLimit


def warn_of_idle_limits(limits: Iterable[RateLimit], ruleset: Ruleset) -> None:
    """Log a warning about each of *limits* that has no effect with the rules of *ruleset*."""
    for problem in idle_limits(limits, ruleset):
        log.warning("%s", problem)


def idle_limits(limits: Iterable[RateLimit], ruleset: Ruleset) -> Iterator[str]:
    """Yield a sentence about each of *limits* that has no effect."""
    rules = {rule.name: rule for rule in ruleset.rules}
    for place, limit in enumerate(limits):
        where = f"falcohost.limits[{place}]"
        if (rule := rules.get(limit.rule)) is None:
            near = difflib.get_close_matches(limit.rule, rules, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            yield f"{where} has no effect: no rule is called '{limit.rule}'{hint}"
            continue
        shown = {ref.text for ref in rule.output.plain}
        for name in limit.by:
            if name not in shown:
                has = ", ".join(sorted(shown)) or "no fields"
                yield f"{where} has no effect: the output of '{limit.rule}' has {has}, but not {name}"
