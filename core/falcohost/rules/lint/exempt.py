"""Finds exemptions that any process can claim: by its name, its arguments, or those of its ancestors.

A process may take any name (prctl(2)), pass any arguments to a program, and be started by a program of any name. An
exemption counts if one way into it asks for nothing else; together with the path of the program, or the file that is
opened, it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from falcohost.engine.ir import Check, FieldRef, operand_fields
from falcohost.lang.printer import to_text
from falcohost.rules.definitions import RuleDef
from falcohost.rules.lint.finding import Finding
from falcohost.rules.lint.normal import Literal, Part, normal
from falcohost.rules.lint.subject import Subject, about_part

#: Fields that say what a process says of itself, or its ancestors of themselves.
CLAIMED = frozenset(
    f"proc.{name}"
    for name in (
        *("name", "pname", "aname", "sname", "args", "cmdline", "pcmdline", "acmdline", "exeline", "exe", "pexe"),
        *("aexe", "cmdnargs", "cmdlenargs", "env", "aenv", "cwd", "sid.exe", "vpgid.name", "vpgid.exe", "pgid.name"),
        *("pgid.exe", "sid.name"),
    )
) | {"thread.name"}

#: Fields that tell nobody apart: with them a way still is a claim.
_NEUTRAL = frozenset(("evt.type", "evt.dir", "evt.category", "evt.res", "evt.failed", "evt.num"))

#: Constants that no claim can be, but mean that there is no value.
_NOTHING = ("", "<NA>", "N/A")
_MOST = 90


@dataclass(slots=True)
class _Exempt:
    """A check by which rules exempt: it and the rules."""

    literal: Literal
    rules: list[RuleDef] = field(default_factory=list)


def by_name(subject: Subject) -> Iterator[Finding]:
    """Yield each check by which one way into an exemption needs nothing but a claim, once for all rules."""
    found: dict[int, _Exempt] = {}
    for compiled in subject.rules:
        if compiled.rule is None:
            continue
        rule = compiled.definition
        for literal in exemptions(normal(subject.outline(rule))):
            exempt = found.setdefault(id(literal.outline), _Exempt(literal))
            if rule not in exempt.rules:
                exempt.rules.append(rule)
    for exempt in found.values():
        yield _finding(exempt)


def exemptions(part: Part) -> Iterator[Literal]:
    """Yield the checks that are claims, and whose being true makes *part* false whatever else is true.

    In a negated ``or`` each part is such a way, in a negated ``and`` all of them together. The negated ``or`` is a
    conjunction here, the negated ``and`` a disjunction.
    """
    if isinstance(part, Literal):
        if _is_claim(part):
            yield part
    elif part.all:
        for item in part.items:
            yield from exemptions(item)
    elif all(_may_be_claimed(item) for item in part.items):
        claims = [claim for item in part.items for claim in exemptions(item)]
        yield from claims[:1]
    else:
        for group in part.groups:
            if not _is_exemption(group):  # it is one of several ways to match
                yield from exemptions(group)


def _is_exemption(part: Part) -> bool:
    """Return whether *part* only takes something away."""
    if isinstance(part, Literal):
        return part.negated
    return all(map(_is_exemption, part.items))


def _may_be_claimed(part: Part) -> bool:
    """Return whether claims alone, with what tells nobody apart, make *part* false."""
    if isinstance(part, Literal):
        return _is_claim(part) or (not part.negated and _is_claim(Literal(part.outline, True))) or _is_neutral(part)
    together = any if part.all else all
    return together(_may_be_claimed(item) for item in part.items)


def _is_claim(literal: Literal) -> bool:
    """Return whether *literal* is false for whoever claims a certain text."""
    check = literal.check
    if not isinstance(check, Check) or literal.is_fixed or literal.negated is (check.op == "!="):
        return False
    values = check.right if isinstance(check.right, tuple) else (check.right,)
    if isinstance(check.right, FieldRef) or all(value in _NOTHING for value in values):
        return False
    names = [ref.field.name for ref in operand_fields(check.left)]
    return bool(names) and all(map(_is_claimed, names))


def _is_claimed(name: str) -> bool:
    return name in CLAIMED or "useragent" in name.replace("_", "").lower()


def _is_neutral(literal: Literal) -> bool:
    return all(ref.field.name in _NEUTRAL for ref in operand_fields(literal.check.left))


def _finding(exempt: _Exempt) -> Finding:
    text = to_text(exempt.literal.outline.node)
    told = text if len(text) <= _MOST else f"{text[:_MOST]}…"
    names = {ref.field.name for ref in operand_fields(exempt.literal.check.left)}
    agent = any(name not in CLAIMED for name in names)
    who = "any client can say this of itself" if agent else "any process can say this of itself"
    mend = "require something that is not a claim: an address, a user" if agent else _MEND
    what = f"'{told}' exempts by a claim: {who}"
    return about_part(exempt.literal.outline, exempt.rules, "exempt-by-name", what, mend)


_MEND = "compare the file that runs (proc.exepath, proc.pexepath, proc.aexepath), alone or as well"
