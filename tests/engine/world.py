"""An event source made for the tests: a field of every type, events that are dictionaries, rules from text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from falcohost.alert import Priority
from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import Expr
from falcohost.engine.ruleset import Rule
from falcohost.engine.template import Template
from falcohost.engine.typecheck import check
from falcohost.fields import ArgKind, Compare, Field, FieldType
from falcohost.lang.parser import parse

TYPES = frozenset(("open", "close", "execve", "connect", "clone"))


@dataclass(frozen=True)
class Happening:
    """An event; *values* by field name, or by (name, argument)."""

    values: dict[Any, Any] = field(default_factory=dict)
    type: str = "open"
    ts: int = 1_700_000_000_123_456_789
    num: int = 1
    key: str = "1"
    source: str = "test"


def row(name: str, kind: FieldType, **more: Any) -> Field:
    """Return a field that looks its value up in the event."""

    def get(event: Happening, arg: Any) -> Any:
        return event.values.get(name if arg is None else (name, arg))

    return Field(name=name, type=kind, description=name, get=get, **more)


def _known_type(text: str) -> str | None:
    return None if text in TYPES else f"unknown event type {text}"


def _known_parameter(text: str) -> str | None:
    return None if text in ("flags", "fd") else f"unknown event argument {text}"


NUMBERS = (
    *("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
    *("DOUBLE", "RELTIME", "ABSTIME", "PORT"),
)

FIELDS: tuple[Field, ...] = (
    Field(
        name="evt.type",
        type=FieldType.CHARBUF,
        description="type",
        get=lambda event, arg: event.type,
        check_value=_known_type,
    ),
    row("evt.arg", FieldType.CHARBUF, arg=ArgKind.ANY, arg_required=True, dotted=True, check_arg=_known_parameter),
    row("evt.dir", FieldType.CHARBUF, deprecated=True),
    row("s.text", FieldType.CHARBUF),
    row("s.text.more", FieldType.CHARBUF),
    row("s.other", FieldType.CHARBUF),
    row("s.path", FieldType.FSPATH),
    row("s.key", FieldType.CHARBUF, arg=ArgKind.KEY),
    row("s.index", FieldType.CHARBUF, arg=ArgKind.INDEX),
    row("s.needs", FieldType.CHARBUF, arg=ArgKind.INDEX, arg_required=True),
    row("s.closed", FieldType.CHARBUF, no_rhs=True, no_transform=True),
    row("s.hidden", FieldType.CHARBUF, filter_only=True),
    *(row(f"n.{name.lower()}", FieldType[name]) for name in NUMBERS),
    row("n.other", FieldType.UINT64),
    row("b.flag", FieldType.BOOL),
    row("b.other", FieldType.BOOL),
    row("buf.data", FieldType.BYTEBUF),
    row("buf.other", FieldType.BYTEBUF),
    row("ip.addr", FieldType.IPADDR),
    row("ip.other", FieldType.IPADDR),
    row("ip.net", FieldType.IPNET),
    row("l.texts", FieldType.CHARBUF, is_list=True),
    row("l.other", FieldType.CHARBUF, is_list=True),
    row("l.nums", FieldType.UINT64, is_list=True),
    row("l.ips", FieldType.IPADDR, is_list=True),
    row("l.nets", FieldType.IPNET, is_list=True),
    row("l.small", FieldType.INT32, is_list=True),
    row("any.name", FieldType.CHARBUF, arg=ArgKind.INDEX, compare=Compare.ANY_OF),
    row("any.pid", FieldType.INT64, arg=ArgKind.INDEX, compare=Compare.ANY_OF),
    row("end.ip", FieldType.IPADDR, compare=Compare.ENDPOINTS, filter_only=True),
    row("end.port", FieldType.PORT, compare=Compare.ENDPOINTS, filter_only=True),
    row("end.net", FieldType.IPNET, compare=Compare.ENDPOINTS, filter_only=True),
    row("ka.verb", FieldType.CHARBUF),
)

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))


def compiled(text: str) -> Expr:
    """Return the IR of the condition *text*."""
    return check(parse(text), CATALOG).expr


def holds(text: str, event: Happening | None = None, **values: Any) -> bool:
    """Tell whether the condition *text* holds for an event with *values* (``s_text`` is ``s.text``)."""
    if event is None:
        event = Happening({name.replace("_", ".", 1): value for name, value in values.items()})
    return compile_condition(compiled(text))(event)


def rule(name: str, condition: str | Expr, output: str = "nothing to say", **more: Any) -> Rule:
    """Return a rule from its texts."""
    expr = compiled(condition) if isinstance(condition, str) else condition
    known = {
        "source": "test",
        "priority": Priority.WARNING,
        "tags": (),
        "description": "",
        "event_types": event_types(expr, TYPES),
        "output": Template.parse(output, CATALOG),
    }
    return Rule(name=name, condition=expr, **(known | more))
