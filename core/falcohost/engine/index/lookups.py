"""Generates the code of an index: reads each field once, and joins the rules found by its values."""

from __future__ import annotations

from typing import Any, Protocol

from falcohost.engine.code.expressions import Expressions
from falcohost.engine.code.names import Names
from falcohost.engine.index.tables import table
from falcohost.engine.index.terms import Form, Kind
from falcohost.engine.index.tree import Drawer, Index
from falcohost.engine.index.weights import Facility
from falcohost.engine.ir import FieldRef, Transform


class Packing(Protocol):
    """Represents sets of rules in generated code.

    :ivar operator: joins two sets in place.
    :ivar nothing: the empty set.
    """

    operator: str
    nothing: Any

    def pack(self, numbers: tuple[int, ...], which: Facility) -> Any:
        """Return the representation of *numbers*, which the lookup *which* found."""

    def text(self, packed: Any) -> str:
        """Return the source of a packed set."""

    def join(self, one: Any, other: Any) -> Any:
        """Return the union."""


class Lookups:
    """Writes the lookups of one function.

    :ivar have: the locals that are set after them.
    """

    def __init__(self, names: Names, expressions: Expressions, packing: Packing, have: int = 0) -> None:
        self._names = names
        self._expressions = expressions
        self._packing = packing
        self.have = have

    def lines(self, index: Index, target: str) -> list[str]:
        """Return the lines that put the rules that *index* finds into the local *target*."""
        packing = self._packing
        joins = f"{target} {packing.operator}"
        lines = [f"    {target} = {packing.text(packing.nothing)}"]
        for operand, drawers in index.drawers.items():
            text, got = self._expressions.operand(operand, self.have)
            self.have |= got
            value = text if text[0] == "v" else "w"
            if isinstance(operand, FieldRef) and text.startswith("(v"):
                value = text[1 : text.index(" ")]
                lines.append(f"    {text}")
            elif value == "w":
                lines.append(f"    w = {text}")
            lines += [self._drawn(operand, drawer, value, joins) for drawer in drawers]
        for test in index.tests:
            code = self._expressions.condition(test.check, self.have)
            found = packing.text(packing.pack(test.numbers, test.which))
            lines.append(f"    if {code.text}: {joins} {found}")
            self.have |= code.true & code.false
        return lines

    def _drawn(self, operand: FieldRef | Transform, drawer: Drawer, value: str, joins: str) -> str:
        packing = self._packing
        which = (operand, drawer.kind, drawer.form)
        filed = {key: packing.pack(numbers, which) for key, numbers in drawer.filed.items()}
        if drawer.kind is Kind.EQUAL and drawer.form is Form.PLAIN and not drawer.several:
            return f"    {joins} {self._names.of(filed.get)}({value}, {packing.text(packing.nothing)})"
        find = table(drawer.kind, drawer.form, drawer.several, filed, packing.nothing, packing.join)
        return f"    if {value} is not None: {joins} {self._names.of(find)}({value})"
