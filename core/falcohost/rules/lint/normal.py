"""A condition as literals, conjunctions and disjunctions, each part with the place where it was written.

``not`` is pushed down to the checks. It is plain inversion, so nothing changes; nested parts of one kind become one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Not, Or
from falcohost.rules.outline import Outline

#: A field of which only the conditions of macros that say always or never use checks.
_CONSTANT = "evt.num"


@dataclass(frozen=True, slots=True)
class Literal:
    """A check, or one that is *negated*; *outline* is the check itself."""

    outline: Outline
    negated: bool

    @property
    def check(self) -> Check | Exists:
        """Return the check."""
        expr = self.outline.expr
        assert isinstance(expr, (Check, Exists))
        return expr

    @property
    def expr(self) -> Expr:
        """Return what has to be true."""
        return Not(self.check) if self.negated else self.check

    @property
    def is_fixed(self) -> bool:
        """Return whether it is meant to be constant: a check of evt.num, or of a list that others are to fill."""
        check = self.check
        if isinstance(check, Check) and check.right == ():
            return True
        return isinstance(check.left, FieldRef) and check.left.field.name == _CONSTANT


@dataclass(frozen=True, slots=True)
class Group:
    """Several parts of which *all* have to be true, or one."""

    outline: Outline
    all: bool
    items: tuple[Part, ...]

    @property
    def literals(self) -> Iterator[Literal]:
        """Yield the items that are literals."""
        return (item for item in self.items if isinstance(item, Literal))

    @property
    def groups(self) -> Iterator[Group]:
        """Yield the items that are groups."""
        return (item for item in self.items if isinstance(item, Group))


Part = Literal | Group


def normal(outline: Outline, *, negated: bool = False) -> Part:
    """Return *outline* in this form."""
    expr = outline.expr
    if isinstance(expr, Not):
        return normal(outline.items[0], negated=not negated)
    if not isinstance(expr, (And, Or)):
        return Literal(outline, negated)
    needs_all = isinstance(expr, And) is not negated
    items: list[Part] = []
    for item in outline.items:
        part = normal(item, negated=negated)
        items += part.items if isinstance(part, Group) and part.all is needs_all else (part,)
    return Group(outline, needs_all, tuple(items))
