"""Finds the rules for each technique by their tags, and says of the others whether the sources could show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from falcohost.engine.ruleset import Rule
from falcohost.rules.attack.techniques import Technique, techniques, unseen

#: The tag of a technique: ``T1059``, ``T1059.004``; also ``mitre_T1059`` and ``attack.t1059``, as others write it.
_TAG = re.compile(r"(?:mitre[_.]|attack[_.])?(t\d{4}(?:[._]\d{3})?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One technique.

    :ivar rules: the rules that are for it, not those for its parts.
    :ivar parts: how many rules are for its parts.
    :ivar why_not: why no source that is loaded shows it; empty if one may.
    """

    technique: Technique
    rules: tuple[str, ...]
    parts: int
    why_not: str

    @property
    def covered(self) -> bool:
        """Return whether a rule is for it or for one of its parts."""
        return bool(self.rules or self.parts)


@dataclass(frozen=True, slots=True)
class Attack:
    """The coverage of all techniques, and the rules whose tags ATT&CK does not have in this version, by tag.

    :ivar untagged: the rules without a technique.
    """

    techniques: Sequence[Coverage]
    unknown: Mapping[str, Sequence[str]]
    untagged: Sequence[str]


def coverage(rules: Iterable[Rule], platforms: frozenset[str]) -> Attack:
    """Return what *rules* cover.

    :param platforms: the platforms of ATT&CK that the loaded sources tell of.
    """
    known, by_number = techniques(), dict[str, list[str]]()
    unknown, untagged = dict[str, list[str]](), []
    for rule in rules:
        numbers = {number for tag in rule.tags if (number := number_in(tag)) is not None}
        for number in sorted(numbers):
            (by_number if number in known else unknown).setdefault(number, []).append(rule.name)
        if not numbers:
            untagged.append(rule.name)
    found = [
        Coverage(
            one,
            tuple(by_number.get(one.number, ())),
            sum(len(names) for number, names in by_number.items() if number.startswith(f"{one.number}.")),
            _why_not(one, platforms),
        )
        for one in known.values()
    ]
    return Attack(found, unknown, untagged)


def number_in(tag: str) -> str | None:
    """Return the number of the technique that *tag* is, or None."""
    match = _TAG.fullmatch(tag)
    return match[1].upper().replace("_", ".") if match else None


def _why_not(one: Technique, platforms: frozenset[str]) -> str:
    if one.platforms == {"PRE"}:
        return "it comes before anything happens on these systems"
    if not one.platforms & platforms:
        return f"it is one for {_listed(one.platforms - {'PRE'})}, which no loaded source tells of"
    return unseen().get(one.number, "")


def _listed(names: Iterable[str]) -> str:
    *others, last = sorted(names)
    return f"{', '.join(others)} and {last}" if others else last
