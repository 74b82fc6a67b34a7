"""Conditions offline: fields that a running agent looks up have the values that a test gives, else they are absent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, ListOf, Not, Operand, Or, Transform, fields
from falcohost.engine.lookup_fields import LookupField, is_open
from falcohost.engine.paths import getter
from falcohost.fields import Arg, Field


class LookedUp:
    """Replaces the fields of lookups; *values* are those of the present test, by name and argument."""

    def __init__(self) -> None:
        self.values: Mapping[tuple[str, object], object] = MappingProxyType({})
        self._made: dict[str, Field] = {}

    def condition(self, expr: Expr) -> Expr:
        """Return *expr* without fields of lookups."""
        if not any(is_open(ref) for ref in fields(expr)):
            return expr
        if isinstance(expr, Not):
            return Not(self.condition(expr.item))
        if isinstance(expr, (And, Or)):
            return type(expr)(tuple(map(self.condition, expr.items)))
        left = self.operand(expr.left)
        assert isinstance(left, (FieldRef, Transform))
        if isinstance(expr, Exists):
            return Exists(left)
        assert isinstance(expr, Check)
        right = expr.right
        return replace(
            expr, left=left, right=self.operand(right) if isinstance(right, (FieldRef, Transform, ListOf)) else right
        )

    def operand(self, operand: Operand) -> Operand:
        """Return *operand* without fields of lookups."""
        if isinstance(operand, FieldRef):
            return replace(operand, field=self._field(operand.field)) if is_open(operand) else operand
        if isinstance(operand, Transform):
            return replace(operand, args=tuple(map(self.operand, operand.args)))
        if isinstance(operand, ListOf):
            return ListOf(tuple(map(self.operand, operand.items)))
        return operand

    def _field(self, field: Field) -> Field:
        """Return a field that reads what the test gives, or else the event's own value."""
        if field.name not in self._made:
            own = getter(field.base) if isinstance(field, LookupField) and field.base is not None else None

            def get(event: Any, arg: Arg) -> Any:
                found = self.values.get((field.name, arg))
                return found if found is not None or own is None else own(event, arg)

            rows = {one.name: getattr(field, one.name) for one in dataclasses.fields(Field)}
            self._made[field.name] = Field(**(rows | {"get": get, "path": None, "reads": (), "variant": None}))
        return self._made[field.name]
