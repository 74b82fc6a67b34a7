"""What the functions of many rules keep of one event: a list with a place for each field and shared sub-condition.

A place is given when the first function is written that asks for the field; for a sub-condition when a second rule has
it. A place that was not asked for holds :data:`~falcohost.engine.code.expressions.UNREAD`.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcohost.engine.code.expressions import UNREAD, read
from falcohost.engine.code.module import Module, repeated_fields
from falcohost.engine.index.shared import Numbering, inner
from falcohost.engine.ir import Expr, FieldRef

#: So many sub-conditions are kept; a longer list would cost every event that has a candidate.
LIMIT = 256


class EventMemory:
    """The places in the list, and the code that fills them.

    :param known: the fields that are always read already; theirs are the first places.
    :param blank: what an event's list begins with behind the values of these; grows with each place that is given.
    """

    def __init__(self, module: Module, known: Iterable[FieldRef], blank: list[object]) -> None:
        self._blank = blank
        self._module = module
        self._known = {ref: place for place, ref in enumerate(known)}
        self._fields: dict[FieldRef, str] = {}
        self._numbering = Numbering()
        self._owners: dict[int, int] = {}
        self._conditions: dict[int, str] = {}
        self._texts: dict[int, int] = {}
        self._shared: set[int] = set()

    def field(self, ref: FieldRef) -> str:
        """Return the text of the value of *ref*, from ``s`` or read into it."""
        known = self._known.get(ref)
        if known is not None:
            return f"s[{known}]"
        text = self._fields.get(ref)
        if text is None:
            text = self._fields[ref] = self._place([], read(self._module.names, ref))
        return text

    def condition(self, expr: Expr) -> str | None:
        """Return the text of what *expr* came to, from ``s`` or found out; None if no two rules have it."""
        number = self._texts.get(id(expr))
        if number is None:
            return None
        text = self._conditions.get(number)
        if text is None:
            expressions = self._module.expressions(repeated_fields([expr]), self)
            code = expressions.write(expr)
            text = self._conditions[number] = self._place(expressions.prologue(), code.text)
        return text

    def notice(self, rule: int, expr: Expr) -> set[int]:
        """Look at the condition of *rule*, for which a function is about to be written.

        Return the rules whose functions have to be written again: they evaluate for themselves what is shared now.
        """
        numbering, stale = self._numbering, set()
        pending = [expr]
        while pending:
            found = pending.pop()
            number = numbering.number(found)
            owner = self._owners.setdefault(number, rule)
            if owner != rule and numbering.worthy(found) and self._share(number):
                self._texts[id(found)] = number
                stale.add(owner)
            elif number in self._shared:
                self._texts[id(found)] = number
            else:
                pending.extend(inner(found))
        return stale

    def _share(self, number: int) -> bool:
        """Share a sub-condition if it is not and may be; return whether that is new."""
        if number in self._shared or len(self._shared) == LIMIT:
            return False
        self._shared.add(number)
        return True

    def _place(self, before: list[str], text: str) -> str:
        """Add a function that fills a new place with what *text* comes to; return the text of what is there."""
        place = len(self._known) + len(self._blank)
        self._blank.append(UNREAD)
        name = self._module.function([*before, f"    v = s[{place}] = {text}", "    return v"], "e, s")
        return f"(s[{place}] if s[{place}] is not {self._module.names.of(UNREAD)} else {name}(e, s))"
