"""Finds sub-conditions that several conditions share and whose results are worth remembering for an event."""

from __future__ import annotations

from collections.abc import Iterator

from falcohost.engine.ir import And, Check, Const, Exists, Expr, FieldRef, ListOf, Not, Or, Transform
from falcohost.engine.operands import value_type
from falcohost.fields import Compare, Family

#: From this many checks, a sub-condition is worth remembering even if no check is costly.
SEVERAL = 3

_COSTLY = frozenset(("regex", "glob", "iglob", "icontains", "pmatch"))


class Numbering:
    """Gives equal conditions the same number. The conditions must stay alive as long as this object."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._sizes: list[int] = []
        self._known: dict[int, int] = {}

    def number(self, expr: Expr) -> int:
        """Return the number of *expr*."""
        known = self._known.get(id(expr))
        if known is not None:
            return known
        if isinstance(expr, (And, Or)):
            numbers = tuple(map(self.number, expr.items))
            found = self._number((type(expr), numbers), sum(self._sizes[number] for number in numbers))
        elif isinstance(expr, Not):
            number = self.number(expr.item)
            found = self._number((Not, number), self._sizes[number])
        else:
            found = self._number(expr, SEVERAL if is_costly(expr) else 1)
        self._known[id(expr)] = found
        return found

    def worthy(self, expr: Expr) -> bool:
        """Return whether evaluating *expr* costs more than remembering its result."""
        return not isinstance(expr, Not) and self._sizes[self.number(expr)] >= SEVERAL

    def _number(self, key: object, size: int) -> int:
        found = self._numbers.setdefault(key, len(self._sizes))
        if found == len(self._sizes):
            self._sizes.append(size)
        return found


def is_costly(leaf: Check | Exists) -> bool:
    """Return whether one check costs about as much as several."""
    if isinstance(leaf.left, Transform):
        return True
    if isinstance(leaf, Exists):
        return False
    kind = value_type(leaf.left)
    if isinstance(leaf.right, (FieldRef, Transform, Const, ListOf)) or leaf.op in _COSTLY:
        return True
    return kind.is_list or kind.compare is not Compare.SCALAR or kind.kind.family in (Family.IP, Family.NET)


def inner(expr: Expr) -> Iterator[Expr]:
    """Yield the conditions that *expr* consists of."""
    if isinstance(expr, (And, Or)):
        yield from expr.items
    elif isinstance(expr, Not):
        yield expr.item


def repeated(exprs: list[Expr]) -> dict[int, int]:
    """Return the sub-conditions in *exprs* that are worth remembering, by ``id``, numbered from 0.

    A sub-condition that occurs only inside of a remembered one is left out.
    """
    numbering = Numbering()
    places: dict[int, list[Expr]] = {}
    pending = list(exprs)
    while pending:
        expr = pending.pop()
        found = places.setdefault(numbering.number(expr), [])
        found.append(expr)
        if len(found) == 1:
            pending.extend(inner(expr))
    several = [found for found in places.values() if len(found) > 1 and numbering.worthy(found[0])]
    return {id(expr): number for number, found in enumerate(several) for expr in found}
