"""Replaces the fields that conditions, operands and templates read by other fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from falcohost.engine.ir import And, Check, Expr, FieldRef, ListOf, Not, Or, Transform

if TYPE_CHECKING:
    from falcohost.engine.template import Template

T = TypeVar("T")


def in_operand(operand: T, others: Mapping[FieldRef, FieldRef]) -> T:
    """Replace the fields in *operand* that are keys of *others* by their values."""
    found: object = operand
    if isinstance(operand, FieldRef):
        found = others.get(operand, operand)
    elif isinstance(operand, ListOf):
        found = ListOf(tuple(in_operand(item, others) for item in operand.items))
    elif isinstance(operand, Transform):
        found = replace(operand, args=tuple(in_operand(item, others) for item in operand.args))
    return found  # type: ignore[return-value]  # the kind of operand stays the same


def in_condition(expr: Expr, others: Mapping[FieldRef, FieldRef]) -> Expr:
    """Replace the fields in *expr* that are keys of *others* by their values."""
    if isinstance(expr, (And, Or)):
        return type(expr)(tuple(in_condition(item, others) for item in expr.items))
    if isinstance(expr, Not):
        return Not(in_condition(expr.item, others))
    known = replace(expr, left=in_operand(expr.left, others))
    return replace(known, right=in_operand(known.right, others)) if isinstance(known, Check) else known


def in_template(template: Template, others: Mapping[FieldRef, FieldRef]) -> Template:
    """Replace the fields in *template* that are keys of *others* by their values."""
    parts = (
        part if isinstance(part, str) else replace(part, operand=in_operand(part.operand, others))
        for part in template.parts
    )
    extra = (
        (name, in_template(source, others) if isinstance(source, type(template)) else in_operand(source, others))
        for name, source in template.extra
    )
    return replace(template, parts=tuple(parts), extra=tuple(extra))
