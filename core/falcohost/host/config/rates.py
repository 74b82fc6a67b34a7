"""The configuration of limits of how many alerts of a rule are delivered: ``falcohost.limits``."""

from __future__ import annotations

from typing import Final

from falcohost.durations import seconds_of
from falcohost.host.config.reader import Reader
from falcohost.store.rates import MOST_FIELDS, MOST_LIMITS, RateLimit
from falcohost.store.silences import is_own

#: Most seconds of a limit, and most alerts.
_LONGEST: Final = 7 * 86_400
_MOST: Final = 1_000_000


def read_rates(ours: Reader) -> tuple[RateLimit, ...]:
    """Return the limits in *ours*, the section ``falcohost``.

    :raises ConfigError: one of them is not valid.
    """
    sections = ours.sections("limits")
    if len(sections) > MOST_LIMITS:
        raise ours.error("limits", f"has {len(sections)} limits, more than {MOST_LIMITS}")
    return tuple(map(_rate, sections))


def _rate(section: Reader) -> RateLimit:
    rule, by = section.text("rule") if section.has("rule") else "", section.texts("by")
    if not rule:
        raise section.error("rule", "has to be the name of a rule")
    if is_own(rule):
        raise section.error("rule", f"'{rule}' is about falcohost itself, and is always delivered")
    if len(by) > MOST_FIELDS:
        raise section.error("by", f"has {len(by)} fields, more than {MOST_FIELDS}")
    most = section.integer("max", at_least=1)
    if most > _MOST:
        raise section.error("max", f"has to be {_MOST} at most, not {most}")
    per, suppress = _seconds(section, "per"), _seconds(section, "suppress")
    if not per and not suppress:
        raise section.error("per", "or suppress is needed: a time such as 30s, 1m or 2h")
    return RateLimit(rule, by, most, per or suppress, suppress)


def _seconds(section: Reader, key: str) -> int:
    if not section.has(key):
        return 0
    text = section.text(key)
    seconds = seconds_of(text)
    if seconds is None or not 0 < seconds <= _LONGEST:
        raise section.error(key, f"has to be a time such as 30s, 1m or 2h, 7d at most, not '{text}'")
    return seconds
