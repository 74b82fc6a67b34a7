"""The types of operands: fields, and transformers applied to them."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from falcohost.engine.ir import Const, FieldRef, ListOf, Operand, Transform
from falcohost.fields import Compare, Family, FieldType


class ValueType(Struct, frozen=True):
    """The type of an operand: a value of *kind*, a list, or (*compare*) several values that are compared one by one."""

    kind: FieldType
    is_list: bool = False
    compare: Compare = Compare.SCALAR

    def __str__(self) -> str:
        """Return the name of the type in Falco's messages."""
        return self.kind.value + (" (list)" if self.is_list else "")


def value_type(operand: Operand) -> ValueType:
    """Return the type of *operand*."""
    if isinstance(operand, FieldRef):
        field = operand.field
        return ValueType(field.type, field.is_list, field.compare if operand.arg is None else Compare.SCALAR)
    if isinstance(operand, Const):
        return ValueType(FieldType.CHARBUF)
    if isinstance(operand, ListOf):
        return ValueType(FieldType.CHARBUF, is_list=True)
    return _transformed(operand)


def shown_name(operand: Operand) -> str:
    """Return the name of *operand* in Falco's messages: that of the field inside it."""
    while isinstance(operand, Transform) and len(operand.args) == 1:
        operand = operand.args[0]
    return operand.field.name if isinstance(operand, FieldRef) else "NA"


def unary_type(name: str, argument: ValueType) -> ValueType | None:
    """Return the type of ``name(argument)``, or None if *name* does not accept such an argument."""
    if name == "len":
        countable = argument.is_list or argument.kind.family in (Family.STRING, Family.BYTES)
        return ValueType(FieldType.UINT64) if countable else None
    if name == "b64":
        return argument if argument.kind in (FieldType.CHARBUF, FieldType.BYTEBUF) else None
    return argument if argument.kind.family is Family.STRING else None


def _transformed(transform: Transform) -> ValueType:
    if transform.name in ("join", "concat"):
        return ValueType(FieldType.CHARBUF)
    if transform.name == "getopt":
        return ValueType(FieldType.CHARBUF, is_list=transform.arg is None)
    kind = unary_type(transform.name, value_type(transform.args[0]))
    if kind is None:
        raise ValueError(f"the IR applies {transform.name} to a type that it does not take")
    return replace(kind, compare=Compare.SCALAR)
