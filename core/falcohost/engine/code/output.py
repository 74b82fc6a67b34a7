"""Compiles an output to a Python function that reads each value once, for the text and for the JSON.

As with conditions, no text of a rule ever enters the source (:mod:`falcohost.engine.code.names`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from falcohost.engine.code.module import Module
from falcohost.engine.code.reads import read
from falcohost.engine.ir import FieldRef, Operand
from falcohost.engine.known import known
from falcohost.engine.operands import value_type
from falcohost.engine.render import TEXT_LIMIT, joined, json_value, list_shown, text_of, text_renderer
from falcohost.fields import Compare, Family

#: From an event to the text and to the JSON values by name.
Fill: TypeAlias = Callable[[Any], tuple[str, dict[str, object]]]

#: A part of the text: a string, or an operand and the width of its column (0: as wide as the value).
Part: TypeAlias = str | tuple[Operand, int]


def compile_output(parts: Sequence[Part], values: Iterable[tuple[str, Operand | Callable[[Any], object]]]) -> Fill:
    """Return the function that fills in *parts* and the JSON *values*, each a name and an operand or function."""
    shown = [part if isinstance(part, str) else (known(part[0]), part[1]) for part in parts]
    return _Output().fill(shown, [(name, known(of) if isinstance(of, Operand) else of) for name, of in values])


def compile_same(fields: Iterable[FieldRef]) -> Callable[[Any], int]:
    """Return the function from an event to a number that is equal if the values of all *fields* are equal.

    The number is a hash with a secret of this process, so that an attacker cannot provoke collisions.
    """
    module = Module()
    of = module.names.of
    values = "".join(f"{_value(module, known(ref))}, " for ref in fields)
    name = module.function([f"    return {of(hash)}({of(repr)}(({values})))"])  # bounded size
    return module.functions()[name]


def compile_shown(fields: Sequence[FieldRef]) -> Callable[[Any], tuple[Any, ...]]:
    """Return the function from an event to the values of *fields* that :func:`shown_value` converts for the JSON."""
    output = _Output()
    values = "".join(f"{output.shown(known(ref))}, " for ref in fields)
    return output.function([f"    return ({values})"])


def shown_value(ref: FieldRef, value: Any) -> object:
    """Return the JSON value of the field *ref*, as :func:`compile_output` has it."""
    plain = ref.field.json is None and _shown(ref) is None
    if plain and value_type(ref).compare is not Compare.SCALAR:
        value = joined(value)
    return json_value(value)


class _Output:
    """Writes one function."""

    def __init__(self) -> None:
        self._module = Module()
        self._of = self._module.names.of
        self._body: list[str] = []
        self._locals: dict[tuple[str, Operand], int] = {}

    def fill(self, parts: Sequence[Part], values: Iterable[tuple[str, Operand | Callable[[Any], object]]]) -> Fill:
        of, text, json = self._of, [], []
        for part in parts:
            text.append(of(part, "text", part) if isinstance(part, str) else self._text(*part))
        for name, made_of in values:
            value = self._json(made_of) if isinstance(made_of, Operand) else f"{of(made_of)}(e)"
            json.append(f"{of(name, 'name', name)}: {value}")
        filled = f"{of(''.join, 'join')}(({''.join(f'{piece}, ' for piece in text)}))"
        self._body.append(f"    return {filled}, {{{', '.join(json)}}}")
        name = self._module.function(self._body)
        return self._module.functions()[name]

    def shown(self, operand: Operand) -> str:
        """Return the source that reads what outputs show of *operand*."""
        if isinstance(operand, FieldRef) and operand.field.json is not None:
            return self._read("json", operand)
        return self._read("value" if _shown(operand) is None else "shown", operand)

    def function(self, body: list[str]) -> Callable[[Any], Any]:
        """Return the function with this *body*."""
        name = self._module.function(body)
        return self._module.functions()[name]

    def _text(self, operand: Operand, width: int) -> str:
        """Return the source of the text of *operand* in a column of *width*."""
        kind = "value" if _shown(operand) is None else "shown"
        local = self._local(kind, operand)
        text = f"t{local}"
        if not (kind == "value" and (_is_text(operand) or _is_texts(operand))):
            render = text_renderer(operand) if kind == "value" else text_of
            text = f"{self._of(render)}(v{local})"
        return f"{text}[:{width}].ljust({width})" if width else text

    def _json(self, operand: Operand) -> str:
        """Return the source of the JSON value; values that are compared one by one become one string, as in Falco."""
        of = self._of
        if isinstance(operand, FieldRef) and operand.field.json is not None:
            return f"{of(json_value)}(v{self._local('json', operand)})"
        if _shown(operand) is not None:
            return f"{of(json_value)}(v{self._local('shown', operand)})"
        local = self._local("value", operand)
        if _is_text(operand) or _is_texts(operand):
            return f"j{local}"
        if value_type(operand).compare is not Compare.SCALAR:
            return f"{of(json_value)}({of(joined)}(v{local}))"
        return f"{of(json_value)}(v{local})"

    def _local(self, kind: str, operand: Operand) -> int:
        """Read the value of *operand* into a local and return its number; texts are prepared for both uses."""
        known = self._locals.get((kind, operand))
        if known is not None:
            return known
        of, local = self._of, len(self._locals)
        self._locals[kind, operand] = local
        self._body.append(f"    v{local} = {self._read(kind, operand)}")
        if kind == "value" and _is_text(operand):
            v = f"v{local}"
            short = f"{of(len)}({v}) <= {of(TEXT_LIMIT)}"
            self._body += [
                f"    if {v}.__class__ is {of(str)} and {v}.isascii() and {v}.isprintable() and {short}:",
                f"        t{local} = j{local} = {v}",
                "    else:",
                f"        t{local}, j{local} = {of(text_of)}({v}), {of(json_value)}({v})",
            ]
        elif kind == "value" and _is_texts(operand):
            self._body.append(f"    t{local}, j{local} = {of(list_shown)}(v{local})")
        return local

    def _read(self, kind: str, operand: Operand) -> str:
        if kind != "value" and isinstance(operand, FieldRef):
            get = operand.field.json if kind == "json" else operand.field.shown
            return f"{self._of(get)}(e, {self._module.names.of_constant(operand.arg)})"
        return _value(self._module, operand)


def _value(module: Module, operand: Operand) -> str:
    """Return the source that reads the value of *operand*; an empty list counts as absent."""
    if not isinstance(operand, FieldRef):
        return f"{module.value(operand)}(e)"
    return "None" if operand.field.filter_only else read(module.names, operand)


def _shown(operand: Operand) -> Callable[..., Any] | None:
    """Return the getter of what outputs show for a field, if that is not its value."""
    return operand.field.shown if isinstance(operand, FieldRef) and operand.arg is None else None


def _is_text(operand: Operand) -> bool:
    """Return whether the value is a single text, as most are."""
    kind = value_type(operand)
    return kind.kind.family is Family.STRING and not kind.is_list and kind.compare is Compare.SCALAR


def _is_texts(operand: Operand) -> bool:
    """Return whether the value is a list of texts."""
    kind = value_type(operand)
    return kind.kind.family is Family.STRING and kind.is_list and kind.compare is Compare.SCALAR
