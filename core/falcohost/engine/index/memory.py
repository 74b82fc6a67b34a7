"""Shares values of one event between rules' functions: a list with a place for each field and shared sub-condition.

A field gets a place when the first function that reads it is written; a sub-condition gets one when a second rule has
it. A place that has not been filled holds :data:`~falcohost.engine.code.expressions.UNREAD`.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcohost.engine.code.expressions import UNREAD
from falcohost.engine.code.module import Module, repeated_fields
from falcohost.engine.code.reads import read
from falcohost.engine.index.shared import Numbering, inner
from falcohost.engine.ir import Expr, FieldRef

#: Most shared sub-conditions; a longer list would slow down every event with a candidate.
LIMIT = 256


class EventMemory:
    """The places in the list, and the code that fills them.

    :param known: the fields that have already been read; they have the first places.
    :param blank: the initial content of an event's list after these; it grows with each new place.
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
        """Return the source that gets the value of *ref* from ``s``, or reads it into ``s``."""
        known = self._known.get(ref)
        if known is not None:
            return f"s[{known}]"
        text = self._fields.get(ref)
        if text is None:
            text = self._fields[ref] = self._place([], read(self._module.names, ref))
        return text

    def condition(self, expr: Expr) -> str | None:
        """Return the source that gets the result of *expr* from ``s``, or computes it; None if it is not shared."""
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
        """Register the condition of *rule*, whose function is about to be written.

        Return the rules whose functions must be rewritten, because they compute by themselves what is now shared.
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
        """Share a sub-condition unless it is shared or the limit is reached; return whether it is newly shared."""
        if number in self._shared or len(self._shared) == LIMIT:
            return False
        self._shared.add(number)
        return True

    def _place(self, before: list[str], text: str) -> str:
        """Add a function that fills a new place with the value of *text*; return the source that reads the place."""
        place = len(self._known) + len(self._blank)
        self._blank.append(UNREAD)
        name = self._module.function([*before, f"    v = s[{place}] = {text}", "    return v"], "e, s")
        return f"(s[{place}] if s[{place}] is not {self._module.names.of(UNREAD)} else {name}(e, s))"
