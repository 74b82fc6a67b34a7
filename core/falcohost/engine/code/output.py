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
from falcohost.engine.render import MISSING, TEXT_LIMIT, joined, json_value, list_shown, text_of, text_renderer
from falcohost.engine.texts import is_plain
from falcohost.fields import Compare, Family

#: From an event to the text and to the JSON values by name.
Fill: TypeAlias = Callable[[Any], tuple[str, dict[str, object]]]

#: A part of the text: a string, or an operand and the width of its column (0: as wide as the value).
Part: TypeAlias = str | tuple[Operand, int]


def compile_output(parts: Sequence[Part], values: Iterable[tuple[str, Operand | Callable[[Any], object]]]) -> Fill:
    """Return the function that fills in *parts* and the JSON *values*, each a name and an operand or function."""
    shown = [part if isinstance(part, str) else (known(part[0]), part[1]) for part in parts]
    return _Output().fill(shown, [(name, known(of) if isinstance(of, Operand) else of) for name, of in values])


#: A name, and what its value in the JSON is made of.
_Named: TypeAlias = tuple[str, Operand | Callable[[Any], object]]

#: Stands for a text that is not usual: it is not printable.
_ODD = "\n"


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
        self._prepared: set[int] = set()

    def fill(self, parts: Sequence[Part], values: Sequence[_Named]) -> Fill:
        """Return the function that fills in *parts* and *values*."""
        of, text, json = self._of, [], []
        self._fill_usual(parts, values)
        for part in parts:
            text.append(of(part, "text", part) if isinstance(part, str) else self._text(*part))
        for name, made_of in values:
            value = self._json(made_of) if isinstance(made_of, Operand) else f"{of(made_of)}(e)"
            json.append(f"{of(name, 'name', name)}: {value}")
        filled = f"{of(''.join, 'join')}(({''.join(f'{piece}, ' for piece in text)}))"
        self._body.append(f"    return {filled}, {{{', '.join(json)}}}")
        name = self._module.function(self._body)
        return self._module.functions()[name]

    def _fill_usual(self, parts: Sequence[Part], values: Sequence[_Named]) -> None:
        """Write the short way for what is usual: values of printable ASCII, looked at all at once in the whole text.

        Nothing is written where the text or the JSON has something but whole texts and lists of texts of the text.
        """
        of = self._of
        pieces = [(part, 0) if isinstance(part, str) else part for part in parts]
        operands = dict.fromkeys(part for part, _ in pieces if not isinstance(part, str))
        constants = "".join(part for part, _ in pieces if isinstance(part, str))
        if not (operands and constants.isascii() and constants.isprintable() and all(map(_is_plain, operands))):
            return
        if any(width for _, width in pieces) or not all(made_of in operands for _, made_of in values):
            return
        local = {operand: f"v{self._value(operand)}" for operand in operands}
        text, json = [], []
        for part, _ in pieces:
            text.append(of(part, "text", part) if isinstance(part, str) else self._usual_text(part, local[part]))
        for name, made_of in values:
            assert isinstance(made_of, Operand)
            v = local[made_of]
            json.append(f"{of(name, 'name', name)}: {v if _is_text(made_of) else f'None if {v} is None else [*{v}]'}")
        self._body += [
            "    try:",
            f"        m = {of(''.join, 'join')}(({''.join(f'{piece}, ' for piece in text)}))",
            f"    except {of(TypeError)}:",
            f"        m = {of(_ODD, 'text', _ODD)}",
            f"    if {of(is_plain)}(m) and {of(len)}(m) <= {of(TEXT_LIMIT)}:",
            f"        return m, {{{', '.join(json)}}}",
        ]

    def _usual_text(self, operand: Operand, local: str) -> str:
        """Return the source of the text of the value in *local*, if it is usual."""
        of = self._of
        shown = local
        if _is_texts(operand):
            texts = " + ".join((of("(", "text", "("), f"{of(','.join, 'list')}({local})", of(")", "text", ")")))
            shown = f"{texts} if {local}.__class__ is {of(tuple)} else {of(_ODD, 'text', _ODD)}"
        return f"({of(MISSING, 'text', MISSING)} if {local} is None else {shown})"

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
        of, local = self._of, self._value(operand, kind)
        if local in self._prepared:
            return local
        self._prepared.add(local)
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

    def _value(self, operand: Operand, kind: str = "value") -> int:
        """Read the value of *operand* into a local, once; return its number."""
        known = self._locals.get((kind, operand))
        if known is not None:
            return known
        local = self._locals[kind, operand] = len(self._locals)
        self._body.append(f"    v{local} = {self._read(kind, operand)}")
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


def _is_plain(operand: Operand) -> bool:
    """Return whether the text and the JSON show the value itself, and it is a text or a list of texts."""
    if (isinstance(operand, FieldRef) and operand.field.json is not None) or _shown(operand) is not None:
        return False
    return _is_text(operand) or _is_texts(operand)


def _is_text(operand: Operand) -> bool:
    """Return whether the value is a single text, as most are."""
    kind = value_type(operand)
    return kind.kind.family is Family.STRING and not kind.is_list and kind.compare is Compare.SCALAR


def _is_texts(operand: Operand) -> bool:
    """Return whether the value is a list of texts."""
    kind = value_type(operand)
    return kind.kind.family is Family.STRING and kind.is_list and kind.compare is Compare.SCALAR
