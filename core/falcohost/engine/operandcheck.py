"""Checks operands of conditions and outputs and converts them to IR, with the types that transformers require."""

from __future__ import annotations

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ir import Const, FieldRef, ListOf, Operand, Transform
from falcohost.engine.operands import ValueType, shown_name, unary_type, value_type
from falcohost.fields import Compare, Family, FieldType
from falcohost.lang.tree import FieldNode, ListNode, OperandNode, TransformNode, ValueNode

_UNARY = frozenset(("tolower", "toupper", "b64", "basename", "len"))


def check_left(node: FieldNode | TransformNode, catalog: Catalog) -> FieldRef | Transform:
    """Return the IR of the left side of an operator, or of a field after ``%`` in an output.

    :raises TypeCheckError: a field is unknown or has the wrong type.
    """
    operand = check_operand(node, catalog)
    assert isinstance(operand, (FieldRef, Transform))
    return operand


def check_operand(node: OperandNode, catalog: Catalog) -> Operand:
    """Return the IR of a field, a constant, a list literal or a transformer; ``val(f)`` is ``f``.

    :raises TypeCheckError: a field is unknown or has the wrong type.
    """
    match node:
        case FieldNode():
            return catalog.resolve(node.name, node.arg, node.pos)
        case ValueNode():
            return Const(node.text)
        case ListNode():
            return ListOf(tuple(check_operand(item, catalog) for item in node.items))
        case TransformNode():
            args = tuple(check_operand(arg, catalog) for arg in node.args)
            try:
                return transformed(node.name, args, node.arg)
            except TypeCheckError as error:
                raise error.at(node.pos) from None


def check_pair(left: FieldRef | Transform, op: str, right: Operand) -> None:
    """Check that *right* is allowed on the right of ``left op``.

    :raises TypeCheckError: it is not.
    """
    if op in ("pmatch", "regex"):
        raise TypeCheckError(f"operator '{op.upper()}' doesn't support right-hand side fields")
    left_kind, right_kind = value_type(left), value_type(right)
    if left_kind.kind is FieldType.IPNET:
        raise TypeCheckError("field type 'IPNET' doesn't support right-hand side fields")
    if not _may_be_compared(left):
        raise TypeCheckError(f"field '{shown_name(left)}' doesn't support right-hand side fields")
    if not _may_be_compared(right):
        raise TypeCheckError(f"field '{shown_name(right)}' can't be used as a right-hand side field")
    if left_kind.kind.family is Family.IP and op not in ("=", "!=", "in", "intersects"):
        message = f"'{op}' operator not supported for ip address and network filters"
        raise TypeCheckError(f"filter error: {message}")
    if (left_kind.kind, left_kind.is_list) != (right_kind.kind, right_kind.is_list):
        message = f"field '{shown_name(left)}' has type '{left_kind}' while the right-hand side field"
        raise TypeCheckError(f"{message} '{shown_name(right)}' has incompatible type '{right_kind}'")


def _may_be_compared(operand: Operand) -> bool:
    """Return whether *operand* may be compared with another field: it has a single value and no ``no_rhs``."""
    while isinstance(operand, Transform) and len(operand.args) == 1:
        operand = operand.args[0]
    if not isinstance(operand, FieldRef):
        return True
    return not operand.field.no_rhs and value_type(operand).compare is Compare.SCALAR


def transformed(name: str, args: tuple[Operand, ...], arg: str | None) -> Operand:
    """Return the IR of ``name(args)[arg]``.

    :raises TypeCheckError: there is no such transformer, or it does not accept these arguments.
    """
    if name == "val" or len(args) == 1:
        return _unary(name, args[0], arg)
    kinds = [value_type(operand) for operand in args]
    for operand in args:
        _demand_single_valued(operand)
    _check_arguments(name, kinds)
    if arg is not None and name != "getopt":
        raise TypeCheckError(f"transformer '{name}' does not support field arguments")
    if arg is not None and len(arg) != 1:
        raise TypeCheckError("getopt() field argument must be a single option character")
    return Transform(name, args, arg)


def _unary(name: str, operand: Operand, arg: str | None) -> Operand:
    if arg is not None:
        raise TypeCheckError(f"filter error: transformer '{name}' does not support field arguments")
    if name == "val":
        return operand
    if name not in _UNARY:
        raise TypeCheckError(f"unknown field transfomer '{name}'")
    _demand_single_valued(operand)
    if isinstance(operand, FieldRef) and operand.field.no_transform:
        raise TypeCheckError(f"field '{operand.field.name}' does not support transformers")
    kind = value_type(operand)
    if unary_type(name, kind) is None:
        message = f"can't add field transformer: type '{kind.kind.value}' is not supported by '{name}'"
        which = "list field" if kind.is_list else "field"
        raise TypeCheckError(f"{message} transformer applied on {which} '{shown_name(operand)}'")
    return Transform(name, (operand,))


def _demand_single_valued(arg: Operand) -> None:
    """Refuse a field whose values are compared one by one: it has no single value to transform."""
    items = arg.items if isinstance(arg, ListOf) else (arg,)
    for item in items:
        if isinstance(item, FieldRef) and value_type(item).compare is not Compare.SCALAR:
            raise TypeCheckError(f"field '{item.field.name}' does not support transformers")


def _check_arguments(name: str, kinds: list[ValueType]) -> None:
    complaint = {"join": _join_complaint, "concat": _concat_complaint, "getopt": _getopt_complaint}.get(name)
    text = f"unknown multivalue transformer '{name}'" if complaint is None else complaint(kinds)
    if text is not None:
        raise TypeCheckError(text)


def _join_complaint(kinds: list[ValueType]) -> str | None:
    if len(kinds) != 2:
        return "join() requires exactly 2 arguments: separator and list"
    if kinds[0].is_list:
        return "join() first argument (separator) must be a single value, not a list"
    if not kinds[1].is_list:
        return "join() second argument must be a list"
    return None if _is_text(kinds[0]) else "join() first argument (separator) must be a string"


def _concat_complaint(kinds: list[ValueType]) -> str | None:
    good = all(_is_text(kind) and not kind.is_list for kind in kinds)
    return None if good else "concat() arguments must be strings"


def _getopt_complaint(kinds: list[ValueType]) -> str | None:
    if len(kinds) != 2:
        return "getopt() requires exactly 2 arguments: args list and optstring"
    if not kinds[0].is_list:
        return "getopt() first argument must be a list"
    if kinds[1].is_list:
        return "getopt() second argument (optstring) must be a single value"
    return None if _is_text(kinds[0]) and _is_text(kinds[1]) else "getopt() arguments must be strings"


def _is_text(kind: ValueType) -> bool:
    return kind.kind is FieldType.CHARBUF
