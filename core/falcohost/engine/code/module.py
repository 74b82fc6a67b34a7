"""Compiles conditions to Python functions, so that no tree is walked per event.

The source consists only of generated names, operators, parentheses and our own numbers; see
:mod:`falcohost.engine.code.expressions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from falcohost.engine import ir
from falcohost.engine.code.expressions import Expressions, SharedValues
from falcohost.engine.code.names import Names
from falcohost.engine.ir import Expr, FieldRef, Operand

Condition: TypeAlias = Callable[[Any], bool]


class Module:
    """Generated functions that share names; added as source lines, compiled together when needed."""

    def __init__(self) -> None:
        self.names = Names()
        self._lines: list[str] = []
        self._count = 0

    def condition(self, expr: Expr, memory: SharedValues | None = None) -> str:
        """Add a function that returns whether *expr* is true; return its name.

        Its arguments are the event and, with *memory*, the list of shared values.
        """
        expressions = self.expressions(repeated_fields([expr]), memory)
        code = expressions.condition(expr)
        body = [*expressions.prologue(), f"    if {code.text}: return True", "    return False"]
        return self.function(body, "e" if memory is None else "e, s")

    def value(self, operand: Operand) -> str:
        """Add a function that returns the value of *operand*; return its name."""
        text, _ = self.expressions({}).operand(operand, 0)
        return self.function([f"    return {text}"])

    def expressions(self, kept: Mapping[FieldRef | int, int], memory: SharedValues | None = None) -> Expressions:
        """Return a writer for the expressions of one function."""
        call = "(e)" if memory is None else "(e, s)"
        return Expressions(self.names, kept, lambda expr: self.condition(expr, memory) + call, memory)

    def function(self, body: Sequence[str], arguments: str = "e") -> str:
        """Add a function with these lines, already indented; return its name."""
        self._count += 1
        name = f"f{self._count}"
        self._lines += [f"def {name}({arguments}):", *body]
        return name

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Compile everything that was added since the last call; return all functions by name."""
        if self._lines:
            exec(compile("\n".join(self._lines), "<rules>", "exec"), self.names.bound)
            self._lines.clear()
        return self.names.bound


def repeated_fields(exprs: Iterable[Expr], start: int = 0) -> dict[FieldRef | int, int]:
    """Return the fields that *exprs* read more than once, numbered from *start*."""
    reads = Counter(ref for expr in exprs for ref in ir.fields(expr))
    return {ref: number for number, ref in enumerate((ref for ref in reads if reads[ref] > 1), start)}


def compile_condition(expr: Expr) -> Condition:
    """Return *expr* as a function of an event."""
    module = Module()
    name = module.condition(expr)
    return module.functions()[name]


def compile_values(operands: Iterable[Operand]) -> list[Callable[[Any], Any]]:
    """Return each of *operands* as a function of an event that returns its value."""
    module = Module()
    names = [module.value(operand) for operand in operands]
    functions = module.functions()
    return [functions[name] for name in names]
