"""Checks the values of fields against the Python types of :class:`falcohost.FieldType`, and picks arguments to try."""

from __future__ import annotations

from collections.abc import Iterator

from falcohost.engine.paths import getter
from falcohost.events import Event
from falcohost.fields import Arg, ArgKind, Compare, Family, Field

_TRIED: dict[ArgKind, tuple[Arg, ...]] = {
    ArgKind.NONE: (),
    ArgKind.INDEX: (0, 1, 1000),
    ArgKind.KEY: ("", "no such key"),
    ArgKind.ANY: (0, 1000, "no such key"),
}


def arguments(field: Field) -> Iterator[Arg]:
    """Yield arguments that *field* has to handle, useless ones among them."""
    if not field.arg_required:
        yield None
    for arg in _TRIED[field.arg]:
        if field.check_arg is None or field.check_arg(str(arg)) is None:
            yield arg


def wrong_value(field: Field, event: Event, arg: Arg) -> str | None:
    """Return a message if the value of *field* in *event* is wrong, or None."""
    where = field.name if arg is None else f"{field.name}[{arg}]"
    try:
        value = getter(field)(event, arg)
    except Exception as error:
        return f"{where} raises {error!r} on {event!r}"
    several = field.is_list or (arg is None and field.compare is not Compare.SCALAR)
    if value is None or (several and isinstance(value, (tuple, list)) and all(_fits(field, item) for item in value)):
        return None
    if not several and _fits(field, value):
        return None
    wanted = f"a getter of {field.type.value} has to return {_wanted(field, several)}"
    return f"{where} is {value!r}, but {wanted}, on {event!r}"


def _wanted(field: Field, several: bool) -> str:
    """Return the Python type of the values, as a message says it."""
    types = " or ".join(one.__name__ for one in field.type.python)
    return f"a tuple of {types}, or None" if several else f"{types}, or None"


def _fits(field: Field, value: object) -> bool:
    # To Python a bool is an int, but to a rule true is not a number.
    if isinstance(value, bool) and field.type.family is not Family.BOOL:
        return False
    return value is None or isinstance(value, field.type.python)
