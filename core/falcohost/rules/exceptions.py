"""Checks the exceptions of a rule, and adds them to the text of its condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from falcohost.engine.catalog import TypeCheckError
from falcohost.lang.syntax import LIST_OPERATORS, MODIFIERS, OPERATORS, STRING_OPERATORS, ConditionSyntaxError
from falcohost.rules.codes import ErrorCode
from falcohost.rules.decode import did_you_mean
from falcohost.rules.definitions import Entry, ExceptionDef
from falcohost.rules.lists import quoted_if_needed
from falcohost.rules.results import LoadFailure
from falcohost.rules.texts import SourceText, TextPiece

_MODIFIED = frozenset(f"{operator} {modifier}" for operator in STRING_OPERATORS for modifier in MODIFIERS)
_TAKES_LIST = _MODIFIED | frozenset(LIST_OPERATORS)
_KNOWN = _MODIFIED | frozenset(OPERATORS)

_SINGLE_FIELD = (
    "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator "
    "(e.g. startswith oneof)"
)

#: Returns why a text is not a field (or a transformer of one) of the rule's source; None if it is one.
FieldCheck = Callable[[str], TypeCheckError | ConditionSyntaxError | None]


def checked(exception: ExceptionDef, check_field: FieldCheck | None) -> ExceptionDef:
    """Return *exception* with its default operators filled in.

    :param check_field: None if the source is not known; then fields are not checked.
    :raises LoadFailure: fields and operators do not match, or one of them is unknown.
    """
    if exception.fields.is_list:
        comps = exception.comps if exception.comps.given else _all_equal(exception.fields)
        if len(exception.fields.items) != len(comps.items):
            raise _failure("Fields and comps lists must have equal length", exception)
        comps = replace(comps, items=tuple(_stripped(comp) for comp in comps.items))
        for comp in comps.items:
            _check_operator(comp, exception)
    else:
        comps = _stripped(exception.comps) if exception.comps.given else Entry(item="in")
        if comps.is_list:
            raise _failure("Fields and comps must both be strings", exception)
        if comps.item not in _TAKES_LIST:
            raise _failure(_SINGLE_FIELD, exception, at=comps)
    if check_field is not None:
        for field in exception.fields.items if exception.fields.is_list else (exception.fields,):
            _check_field(field, check_field, exception)
    return replace(exception, comps=comps)


def with_exceptions(condition: SourceText, exceptions: tuple[ExceptionDef, ...]) -> tuple[SourceText, set[str]]:
    """Return *condition* with ``and not …`` for each exception that has values, and the fields of these exceptions.

    :raises LoadFailure: values do not match the fields.
    """
    if not exceptions:
        return condition, set()
    pieces = [TextPiece("("), *condition.pieces, TextPiece(")")]
    fields: set[str] = set()
    for exception in exceptions:
        if not exception.values:
            continue
        pieces.append(TextPiece(" and not "))
        if exception.fields.is_list:
            pieces += _tuples(exception)
            fields.update(field.item for field in exception.fields.items)
        else:
            pieces += _flat(exception)
            fields.add(exception.fields.item)
    return SourceText(tuple(pieces)), fields


def _all_equal(fields: Entry) -> Entry:
    return Entry(items=tuple(Entry(item="=") for _ in fields.items), is_list=True)


def _stripped(comp: Entry) -> Entry:
    return replace(comp, item=comp.item.strip(" \t\r\n"))


def _check_operator(operator: Entry, exception: ExceptionDef) -> None:
    if operator.item not in _KNOWN:
        message = f"'{operator.item}' is not a supported comparison operator"
        raise _failure(message, exception, at=operator, hint=did_you_mean(operator.item, _KNOWN))


def _check_field(field: Entry, check: FieldCheck, exception: ExceptionDef) -> None:
    reason = check(field.item)
    if reason is not None:
        hint = reason.hint if isinstance(reason, TypeCheckError) else None
        raise _failure(f"'{field.item}' is not a supported filter field", exception, at=field, hint=hint)


def _failure(message: str, exception: ExceptionDef, *, at: Entry | None = None, hint: str | None = None) -> LoadFailure:
    spot = at.scalar.locate(0) if at is not None and at.scalar is not None else None
    return LoadFailure(ErrorCode.LOAD_ERR_VALIDATE, message, exception.context, spot=spot, hint=hint)


def _flat(exception: ExceptionDef) -> Iterator[TextPiece]:
    """Yield ``(field comp (value, value))``."""
    yield TextPiece("(")
    yield TextPiece(exception.fields.item, exception.fields.scalar)
    yield TextPiece(f" {exception.comps.item} (")
    for index, value in enumerate(exception.values):
        if value.is_list:
            raise _failure("Expected values array to contain a list of strings", exception)
        if index:
            yield TextPiece(", ")
        yield TextPiece(quoted_if_needed(value.item), value.scalar)
    yield TextPiece("))")


def _tuples(exception: ExceptionDef) -> Iterator[TextPiece]:
    """Yield ``((field comp value and field comp value) or (…))``."""
    fields, comps = exception.fields.items, exception.comps.items
    yield TextPiece("(")
    for index, values in enumerate(exception.values):
        if len(values.items) != len(fields):
            hint = f"each entry of values needs {len(fields)} values, one for each field"
            at = next((value for value in values.items if value.scalar is not None), values)
            raise _failure("Fields and values lists must have equal length", exception, at=at, hint=hint)
        yield TextPiece(" or (" if index else "(")
        for column, (field, value) in enumerate(zip(fields, values.items, strict=True)):
            comp = comps[column].item if column < len(comps) else ""
            yield TextPiece(" and  " if column else " ")
            yield TextPiece(field.item, field.scalar)
            yield TextPiece(f" {comp} ")
            yield from _value(value, takes_list=comp in _TAKES_LIST)
        yield TextPiece(")")
    yield TextPiece(")")


def _value(value: Entry, *, takes_list: bool) -> Iterator[TextPiece]:
    if value.is_list:
        yield TextPiece("(")
        for index, item in enumerate(value.items):
            if index:
                yield TextPiece(", ")
            yield TextPiece(quoted_if_needed(item.item), item.scalar)
        yield TextPiece(")")
    elif not takes_list:
        yield TextPiece(quoted_if_needed(value.item), value.scalar)
    elif value.item.startswith("("):
        yield TextPiece(value.item, value.scalar)
    else:
        yield from (TextPiece("("), TextPiece(value.item, value.scalar), TextPiece(")"))
