"""Compares two sets of rules by name: which are new, gone, moved or changed, and what of each has changed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from falcohost.engine.ruleset import Rule
from falcohost.rules.definitions import Entry, ExceptionDef, RuleDef
from falcohost.rules.difference.meaning import Relation, compare
from falcohost.rules.loader import LoadOutcome
from falcohost.rules.outline import ItemOrigin, origin
from falcohost.rules.pace import paced


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a rule that has changed.

    :ivar what: its key in the rules file, such as ``condition``.
    :ivar told: what has become of it, in words.
    :ivar added: what it has now; *removed*: what it had.
    """

    what: str
    told: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One rule that is not what it was.

    :ivar kind: ``added``, ``removed``, ``changed`` or ``moved``.
    :ivar where: where it is defined now, or was if it is removed.
    """

    kind: str
    rule: str
    where: ItemOrigin
    parts: tuple[Part, ...] = ()


def difference(old: LoadOutcome, new: LoadOutcome, *, first: bool) -> list[Change]:
    """Return the changes from *old* to *new*, in the order of the new rules; removed ones are last.

    :param first: of the rules that match an event only the first is reported, so that their order counts.
    """
    before, after = _rules(old), _rules(new)
    found = []
    moved = set(_moved(old, new)) if first else set()
    for name, rule in paced("Comparing rules", list(after.items())):
        where = _where(new, name)
        if name not in before:
            found.append(Change("added", name, where, (() if rule.enabled else (Part("enabled", "it is disabled"),))))
            continue
        parts = tuple(_parts(before[name], rule, old.collector.rules[name], new.collector.rules[name]))
        if parts:
            found.append(Change("changed", name, where, parts))
        if name in moved:
            found.append(Change("moved", name, where))
    return found + [Change("removed", name, _where(old, name)) for name in before if name not in after]


def _rules(outcome: LoadOutcome) -> Mapping[str, Rule]:
    return {rule.name: rule for rule in outcome.ruleset.rules}


def _where(outcome: LoadOutcome, name: str) -> ItemOrigin:
    return origin("rule", name, outcome.collector.rules[name].context)


def _moved(old: LoadOutcome, new: LoadOutcome) -> Iterator[str]:
    """Yield the rules that have changed places with others of their source for which both may match an event."""
    after = _rules(new)
    for source in dict.fromkeys(rule.source for rule in after.values()):
        were = [rule.name for rule in old.ruleset.enabled(source) if rule.name in after]
        are = [rule.name for rule in new.ruleset.enabled(source) if rule.name in set(were)]
        were = [name for name in were if name in set(are)]
        places = {name: place for place, name in enumerate(were)}
        matcher = difflib.SequenceMatcher(None, were, are, autojunk=False)
        kept = {name for block in matcher.get_matching_blocks() for name in were[block.a : block.a + block.size]}
        for place, name in enumerate(are):
            passed = {*are[:place]} ^ {*were[: places[name]]}
            if name not in kept and any(_meet(after[name], after[other]) for other in passed):
                yield name


def _meet(rule: Rule, other: Rule) -> bool:
    types, others = rule.event_types, other.event_types
    return types is None or others is None or not types.isdisjoint(others)


def _parts(old: Rule, new: Rule, was: RuleDef, now: RuleDef) -> Iterator[Part]:
    if old.source != new.source:
        yield Part("source", f"{old.source} → {new.source}")
    else:
        meaning = compare(old.condition, new.condition)
        if meaning.relation is not Relation.SAME:
            yield Part("condition", f"it matches {meaning.relation.value}", meaning.added, meaning.removed)
    yield from _exceptions(was.exceptions, now.exceptions)
    if old.enabled != new.enabled:
        yield Part("enabled", "it is enabled now" if new.enabled else "it is disabled now")
    if old.priority != new.priority:
        yield Part("priority", f"{old.priority.label} → {new.priority.label}")
    yield from _output(old, new)
    yield from _sets("tags", old.tags, new.tags)
    yield from _sets("actions", [action.name for action in old.actions], [action.name for action in new.actions])


def _output(old: Rule, new: Rule) -> Iterator[Part]:
    had, has = _fields(old), _fields(new)
    if had != has:
        yield from _sets("output", had, has)
    elif old.output.text.split() != new.output.text.split():
        yield Part("output", "it says something else", (new.output.text,), (old.output.text,))


def _fields(rule: Rule) -> list[str]:
    return sorted({ref.text for ref in rule.output.fields})


def _sets(what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Part]:
    added = tuple(one for one in new if one not in old)
    removed = tuple(one for one in old if one not in new)
    if added or removed:
        yield Part(what, "", added, removed)


def _exceptions(old: Sequence[ExceptionDef], new: Sequence[ExceptionDef]) -> Iterator[Part]:
    """Yield the exceptions that are new, gone or other; the order of their values does not matter."""
    before, after = {one.name: _values(one) for one in old}, {one.name: _values(one) for one in new}
    added, removed = list[str](), list[str]()
    for name in dict.fromkeys((*after, *before)):
        had, has = before.get(name), after.get(name)
        if had is None or has is None:
            (added if had is None else removed).append(f"{name}: {_form(had or has)}")
            continue
        if had[0] != has[0]:
            added.append(f"{name}: {_form(has)}")
            removed.append(f"{name}: {_form(had)}")
        added += [f"{name}: {value}" for value in sorted(has[1] - had[1])]
        removed += [f"{name}: {value}" for value in sorted(had[1] - has[1])]
    if added or removed:
        yield Part("exceptions", "", tuple(added), tuple(removed))


def _values(exception: ExceptionDef) -> tuple[tuple[str, str], frozenset[str]]:
    form = _entry(exception.fields), _entry(exception.comps)
    return form, frozenset(_entry(value, inner=True) for value in exception.values)


def _form(found: tuple[tuple[str, str], frozenset[str]] | None) -> str:
    if found is None:
        return ""
    (fields, comps), values = found
    return f"fields {fields}, comps {comps}, {len(values)} value{'' if len(values) == 1 else 's'}"


def _entry(entry: Entry, *, inner: bool = False) -> str:
    """Return *entry* as text; an *inner* list of values is a set."""
    if not entry.is_list:
        return entry.item
    texts = [_listed(item) if inner else _entry(item) for item in entry.items]
    return f"[{', '.join(texts)}]"


def _listed(entry: Entry) -> str:
    return f"[{', '.join(sorted(item.item for item in entry.items))}]" if entry.is_list else entry.item
