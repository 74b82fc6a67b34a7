"""Output templates: ``Sensitive file opened (file=%fd.name)`` with the event's values filled in.

Absent values are ``<NA>`` in text and null in JSON. How a template is written is read by
:mod:`falcohost.engine.tokens`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from falcohost.engine import ir
from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.code.module import compile_values
from falcohost.engine.ir import FieldRef, Operand
from falcohost.engine.operands import value_type
from falcohost.engine.paths import getter
from falcohost.engine.render import joined, json_value, text_of, text_renderer
from falcohost.engine.texts import valid
from falcohost.engine.tokens import Token, find_operand, tokens
from falcohost.fields import Compare

Read: TypeAlias = Callable[[Any], Any]

#: A field for the JSON alone: its name, or a name and the template that makes its text.
ExtraField: TypeAlias = str | tuple[str, str]


@dataclass(frozen=True)
class Template:
    """An output, compiled: its parts. What reads them from an event is made when the first alert needs it.

    :ivar text: as it was written.
    :ivar parts: texts, and the places between them that an event fills.
    :ivar extra: names of values for the JSON alone, each with what makes the value.
    """

    text: str
    parts: tuple[str | Token, ...]
    extra: tuple[tuple[str, Operand | Template], ...] = ()

    @cached_property
    def fields(self) -> tuple[FieldRef, ...]:
        """Return the fields that it reads, each once, extra fields included."""
        read: dict[FieldRef, None] = {}
        for part in self.parts:
            if isinstance(part, Token):
                read.update(dict.fromkeys(ir.operand_fields(part.operand)))
        for _, source in self.extra:
            read.update(dict.fromkeys(source.fields if isinstance(source, Template) else ir.operand_fields(source)))
        return tuple(read)

    @cached_property
    def _pieces(self) -> list[str | Callable[[Any], str]]:
        return [valid(part) if isinstance(part, str) else _text_reader(part) for part in self.parts]

    @cached_property
    def _values(self) -> dict[str, Read]:
        values: dict[str, Read] = {}
        for part in self.parts:
            if isinstance(part, Token):
                for ref in ir.operand_fields(part.operand):
                    values.setdefault(ref.text, _json_reader(ref))
        for name, source in self.extra:
            values[name] = source.message if isinstance(source, Template) else _json_reader(source)
        return values

    @classmethod
    def parse(cls, text: str, catalog: Catalog, *, extra_fields: Iterable[ExtraField] = ()) -> Template:
        """Return the template *text* over the fields of *catalog*.

        :param extra_fields: what goes into :meth:`values` but not into the text (``append_output``).
        :raises TypeCheckError: it is none, or a field is unknown; the message is Falco's.
        """
        extra: list[tuple[str, Operand | Template]] = []
        for field in extra_fields:
            if isinstance(field, str):
                extra.append((field, _whole_operand(field, catalog)))
            else:
                extra.append((field[0], cls.parse(field[1], catalog)))
        return cls(text, tuple(tokens(text, catalog)), tuple(extra))

    def message(self, event: Any) -> str:
        """Return the text for *event*."""
        return "".join([piece if isinstance(piece, str) else piece(event) for piece in self._pieces])

    def values(self, event: Any) -> dict[str, object]:
        """Return the JSON value of each field for *event*, under the name that the template gives it."""
        return {name: json_value(read(event)) for name, read in self._values.items()}

    def values_but(self, beginnings: tuple[str, ...]) -> list[Read]:
        """Return what reads the values from an event, as they are, without those whose names begin like that."""
        found: dict[str, Read] = {}
        for field in self.fields:
            if not field.text.startswith(beginnings):
                found[field.text] = _reader(field)
        return list(found.values())


def _whole_operand(text: str, catalog: Catalog) -> Operand:
    operand, end = find_operand(text, 0, catalog)
    if end != len(text):
        raise TypeCheckError(f"unknown filter: filter_check called with nonexistent field {text}", unknown=True)
    return operand


def _text_reader(token: Token) -> Callable[[Any], str]:
    read, render, width = _reader(token.operand), text_renderer(token.operand), token.width
    if (shown := _shown(token.operand)) is not None:
        read, render = shown, text_of
    if not width:
        return lambda event: render(read(event))
    return lambda event: render(read(event))[:width].ljust(width)


def _json_reader(operand: Operand) -> Read:
    """Return the function to the JSON value; values that are compared one by one are one text in it, as in Falco."""
    if isinstance(operand, FieldRef) and operand.field.json is not None:
        return _bound(operand.field.json, operand)
    if (shown := _shown(operand)) is not None:
        return shown
    read, several = _reader(operand), value_type(operand).compare is not Compare.SCALAR
    return (lambda event: joined(read(event))) if several else read


def _shown(operand: Operand) -> Read | None:
    """Return the function to what is shown of a field, where that is not its value."""
    if not isinstance(operand, FieldRef) or operand.field.shown is None or operand.arg is not None:
        return None
    return _bound(operand.field.shown, operand)


def _reader(operand: Operand) -> Read:
    """Return the function from an event to the value of *operand*, where an empty list is an absent value."""
    if not isinstance(operand, FieldRef):
        return compile_values([operand])[0]
    if operand.field.filter_only:
        return lambda event: None
    read = _bound(getter(operand.field), operand)
    kind = value_type(operand)
    if kind.is_list or kind.compare is not Compare.SCALAR:
        return lambda event: read(event) or None
    return read


def _bound(get: Callable[[Any, Any], Any], ref: FieldRef) -> Read:
    arg = ref.arg
    return lambda event: get(event, arg)
