"""The fields of one event source by name; resolves names in rules to a :class:`FieldRef`.

Error messages are Falco's own, because people and scripts search for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from falcohost.engine.ir import FieldRef
from falcohost.engine.paths import getter
from falcohost.errors import FalcohostError
from falcohost.fields import Arg, ArgKind, Field
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.lang.printer import operand_to_text
from falcohost.lang.tree import NOWHERE, FieldNode, Pos


class TypeCheckError(FalcohostError):
    """A condition or an output does not fit the fields of its source.

    :ivar message: one sentence, without the place.
    :ivar pos: the place in the text.
    :ivar unknown: a name is unknown, which ``skip-if-unknown-filter`` tolerates.
    :ivar hint: how to fix it, or None.
    """

    def __init__(self, message: str, pos: Pos = NOWHERE, *, unknown: bool = False, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos
        self.unknown = unknown
        self.hint = hint

    def at(self, pos: Pos) -> TypeCheckError:
        """Return the error, placed at *pos* if it has no place yet."""
        if self.pos is NOWHERE:
            self.pos = pos
        return self


class UnknownField(TypeCheckError):
    """No field of the source has this name."""


class FieldArgumentError(TypeCheckError):
    """The argument in brackets after a field is not valid, or is missing."""


def is_absent(ref: FieldRef) -> bool:
    """Tell whether :meth:`Catalog.absent` has made *ref*."""
    return ref.field.get is _absent


def _absent(event: object, arg: Arg) -> None:
    return None


class Catalog:
    """The fields of *source*. If two fields have the same name, the first wins.

    :raises PluginError: a field has neither a getter nor a path.
    """

    def __init__(self, source: str, fields: Iterable[Field]) -> None:
        self.source = source
        self._fields: dict[str, Field] = {}
        self._resolved: dict[tuple[str, str | None], FieldRef] = {}
        for field in fields:
            getter(field)
            self._fields.setdefault(field.name, field)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return the fields in the order in which they were registered."""
        return tuple(self._fields.values())

    @cached_property
    def suggested(self) -> tuple[str, ...]:
        """Return the texts that outputs get for the fields that plugins suggest: ``container_id=%container.id``."""
        return tuple(f"{field.name.replace('.', '_')}=%{field.name}" for field in self.fields if field.suggested)

    def has(self, name: str) -> bool:
        """Return whether *name* is a field, or a field and an argument after a dot; the argument is not checked."""
        return name in self._fields or self._dotted_end(name) > 0

    def near(self, name: str) -> str | None:
        """Return the field name closest to *name*, if one is close."""
        import difflib  # where something is wrong

        close = difflib.get_close_matches(name, self._fields, n=1, cutoff=0.75)
        return close[0] if close else None

    def resolve(self, name: str, arg: str | None = None, pos: Pos = NOWHERE) -> FieldRef:
        """Return the field that a rule writes as ``name`` or ``name[arg]``.

        :raises UnknownField: there is no such field.
        :raises FieldArgumentError: the argument is not valid, or is missing.
        """
        known = self._resolved.get((name, arg))
        if known is None:
            known = self._resolved[name, arg] = self._new_ref(name, arg, pos)
        return known

    def absent(self, name: str) -> FieldRef | None:
        """Return the field *name*, if it cannot be used without an argument, as one whose value is always absent."""
        field = self._fields.get(name)
        if field is None or not field.arg_required:
            return None
        return FieldRef(replace(field, arg_required=False, get=_absent, path=None, json=None, shown=None), None, name)

    def _new_ref(self, name: str, arg: str | None, pos: Pos) -> FieldRef:
        text = operand_to_text(FieldNode(name, arg))
        field = self._fields.get(name)
        if field is None:
            field, arg = self._dotted(name, arg, pos)
        elif arg is not None and field.check_bracket is not None and (complaint := field.check_bracket(arg)):
            raise FieldArgumentError(complaint, pos, hint=f"write {name}.{arg}")
        parsed = self._argument(field, arg, name, pos)
        if field.variant is not None and arg is not None:
            field = field.variant(arg)
        return FieldRef(field, parsed, text)

    def _dotted(self, name: str, arg: str | None, pos: Pos) -> tuple[Field, str]:
        """Split ``evt.arg.flags`` after the longest name of a field that takes its argument after a dot."""
        end = self._dotted_end(name)
        if end <= 0 or arg is not None:
            raise self._unknown(name, arg, pos)
        return self._fields[name[:end]], name[end + 1 :]

    def _dotted_end(self, name: str) -> int:
        end = name.rfind(".")
        while end > 0:
            field = self._fields.get(name[:end])
            if field is not None and field.dotted:
                return end
            end = name.rfind(".", 0, end)
        return end

    def _unknown(self, name: str, arg: str | None, pos: Pos) -> UnknownField:
        near = self.near(name)
        shown = name if arg is None else f"{name}[{arg}]"
        hint = f"did you mean {near}?" if near is not None and near != name else None
        return UnknownField(f"filter_check called with nonexistent field {shown}", pos, unknown=True, hint=hint)

    def _argument(self, field: Field, arg: str | None, name: str, pos: Pos) -> Arg:
        if arg is None:
            if field.arg_required:
                raise self._missing(field, name, pos)
            return None
        if field.arg is ArgKind.NONE:
            raise self._needless(field, arg, pos)
        parsed = self._parsed(field, arg, pos)
        complaint = field.check_arg(arg) if field.check_arg is not None else None
        if complaint is not None:
            raise FieldArgumentError(complaint, pos, unknown="nonexistent field" in complaint)
        return parsed

    def _missing(self, field: Field, name: str, pos: Pos) -> FieldArgumentError:
        message = f"filter '{name}': {field.name} requires an argument but none provided"
        if self.source == DEFAULT_SOURCE:
            message = f"filter syntax error: {name}"
        form = f"{field.name}.NAME" if field.dotted else f"{field.name}[…]"
        return FieldArgumentError(message, pos, hint=f"it needs an argument: {form}")

    def _needless(self, field: Field, arg: str, pos: Pos) -> TypeCheckError:
        if self.source == DEFAULT_SOURCE:
            return self._unknown(field.name, arg, pos)
        message = f"filter '{field.name}[{arg}]': {field.name} does not allow nor require an argument but one is"
        return FieldArgumentError(f"{message} provided: {arg}", pos)

    def _parsed(self, field: Field, arg: str, pos: Pos) -> Arg:
        if field.arg is ArgKind.KEY:
            return arg
        digits = arg.isascii() and arg.isdigit()
        if digits and len(arg) < 20 and (arg == "0" or not arg.startswith("0")):
            return int(arg)
        if field.arg is ArgKind.ANY:
            return arg
        return self._odd_index(field, arg, digits, pos)

    def _odd_index(self, field: Field, arg: str, digits: bool, pos: Pos) -> int:
        """Read an index as Falco does: Falco's own fields accept leading zeros (``[00]``), fields of plugins do not."""
        if self.source == DEFAULT_SOURCE:
            if digits and len(arg) < 20:
                return int(arg)
            raise self._unknown(field.name, arg, pos)
        if not digits:
            why = "has an invalid index argument not composed only by digits: "
        elif arg.startswith("0"):
            why = "has an invalid index argument starting with 0: "
        else:
            why = "has an invalid index argument not representable on 64 bit: "
        raise FieldArgumentError(f"filter {field.name}[{arg}] {field.name} {why}{arg}", pos)
