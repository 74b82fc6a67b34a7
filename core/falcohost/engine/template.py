"""Output templates: ``Sensitive file opened (file=%fd.name)`` with the event's values filled in.

Absent values are ``<NA>`` in text and null in JSON. :mod:`falcohost.engine.tokens` parses the syntax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from falcohost.engine import ir
from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.code.output import Fill, compile_output, compile_same, compile_shown
from falcohost.engine.ir import FieldRef, Operand
from falcohost.engine.texts import printable_lines, valid
from falcohost.engine.tokens import Token, find_operand, tokens

#: Prefixes of the names of fields that differ in each event, or only tell equal events apart.
PER_EVENT = (
    "evt.num", "evt.time", "evt.datetime", "evt.rawtime", "evt.reltime", "evt.deltatime", "evt.latency", "evt.count",
    "evt.rawres", "evt.cpu", "fd.num", "thread.tid", "thread.vtid", "thread.cputime", "thread.exectime",
    "proc.duration", "proc.ppid.duration",
)  # fmt: skip

#: A field only for the JSON: its name, or a name and the template of its text.
ExtraField: TypeAlias = str | tuple[str, str]


@dataclass(frozen=True)
class Template:
    """A parsed output. The code that fills it in is generated for the first alert.

    :ivar text: the output as written in the rule.
    :ivar parts: texts, and the tokens between them that an event fills in.
    :ivar extra: values only for the JSON: a name, and an operand or template.
    """

    text: str
    parts: tuple[str | Token, ...]
    extra: tuple[tuple[str, Operand | Template], ...] = ()

    @cached_property
    def fields(self) -> tuple[FieldRef, ...]:
        """Return the fields that the template reads, including extra fields, each once."""
        read: dict[FieldRef, None] = {}
        for part in self.parts:
            if isinstance(part, Token):
                read.update(dict.fromkeys(ir.operand_fields(part.operand)))
        for _, source in self.extra:
            read.update(dict.fromkeys(source.fields if isinstance(source, Template) else ir.operand_fields(source)))
        return tuple(read)

    @cached_property
    def filled(self) -> Fill:
        """Return the function from an event to the text and to the JSON values by their names in the template."""
        values: dict[str, Operand | Callable[[Any], object]] = {}
        for part in self.parts:
            if isinstance(part, Token):
                for ref in ir.operand_fields(part.operand):
                    values.setdefault(valid(ref.text), ref)
        for name, source in self.extra:
            values[valid(name)] = source.message if isinstance(source, Template) else source
        parts = [printable_lines(part) if isinstance(part, str) else (part.operand, part.width) for part in self.parts]
        return compile_output(parts, values.items())

    @cached_property
    def lasting(self) -> tuple[FieldRef, ...]:
        """Return the fields without those in :data:`PER_EVENT`."""
        return tuple(ref for ref in self.fields if not ref.text.startswith(PER_EVENT))

    @cached_property
    def plain(self) -> tuple[FieldRef, ...]:
        """Return the fields that alerts have as they are, not only as a part of something."""
        operands = (*(part.operand for part in self.parts if isinstance(part, Token)), *(of for _, of in self.extra))
        return tuple(operand for operand in operands if isinstance(operand, FieldRef))

    @cached_property
    def shown(self) -> Callable[[Any], tuple[Any, ...]]:
        """Return the function from an event to the values of :attr:`lasting`, for ``shown_value``."""
        return compile_shown(self.lasting)

    @classmethod
    def parse(cls, text: str, catalog: Catalog, *, extra_fields: Iterable[ExtraField] = ()) -> Template:
        """Return the template *text* over the fields of *catalog*.

        :param extra_fields: fields for :meth:`values` that are not in the text (``append_output``).
        :raises TypeCheckError: the template is malformed, or a field is unknown; the message is Falco's.
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
        return self.filled(event)[0]

    def values(self, event: Any) -> dict[str, object]:
        """Return the JSON value of each field for *event*, by its name in the template."""
        return self.filled(event)[1]

    @cached_property
    def same(self) -> Callable[[Any], int]:
        """Return the function from an event to a number; outputs that differ only in :data:`PER_EVENT` share it."""
        return compile_same(self.lasting)


def _whole_operand(text: str, catalog: Catalog) -> Operand:
    absent = catalog.absent(text)
    if absent is not None:
        return absent
    operand, end = find_operand(text, 0, catalog)
    if end != len(text):
        raise TypeCheckError(f"unknown filter: filter_check called with nonexistent field {text}", unknown=True)
    return operand
