"""Conditions to Python functions: generated source, compiled once, no tree walked per event.

A module of generated functions is compiled by one ``exec``. The source consists of generated names, operators and
parentheses only; see :mod:`falcohost.engine.expressions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from falcohost.engine import ir
from falcohost.engine.expressions import Expressions, Names
from falcohost.engine.ir import Expr, Operand

Condition: TypeAlias = Callable[[Any], bool]


class Module:
    """Generated functions over the event, compiled together."""

    def __init__(self) -> None:
        self._names = Names()
        self._lines: list[str] = []
        self._count = 0

    def condition(self, expr: Expr) -> str:
        """Add a function that returns whether *expr* holds; return its name."""
        expressions = self._expressions([expr])
        code = expressions.condition(expr)
        return self._function([*expressions.prologue(), f"    if {code.text}: return True", "    return False"])

    def first(self, cases: Sequence[tuple[Expr, object]]) -> str:
        """Add a function that returns what stands with the first condition that holds, else (); return its name."""
        expressions = self._expressions(expr for expr, _ in cases)
        lines, have = [], 0
        for expr, result in cases:
            code = expressions.condition(expr, have)
            lines.append(f"    if {code.text}: return {self._names.of(result)}")
            have |= code.false
        return self._function([*expressions.prologue(), *lines, f"    return {self._names.of_constant(())}"])

    def every(self, cases: Sequence[tuple[Expr, tuple[object, ...]]]) -> str:
        """Add a function that joins the tuples that stand with the conditions that hold, in order; return its name."""
        expressions = self._expressions(expr for expr, _ in cases)
        lines, have = [f"    m = {self._names.of_constant(())}"], 0
        for expr, result in cases:
            code = expressions.condition(expr, have)
            lines.append(f"    if {code.text}: m += {self._names.of(result)}")
            have |= code.true & code.false
        return self._function([*expressions.prologue(), *lines, "    return m"])

    def value(self, operand: Operand) -> str:
        """Add a function that returns the value of *operand*; return its name."""
        text, _ = Expressions(self._names, {}, self.condition).operand(operand, 0)
        return self._function([f"    return {text}"])

    def functions(self) -> dict[str, Callable[[Any], Any]]:
        """Compile everything that was added; return the functions by name."""
        exec(compile("\n".join(self._lines), "<rules>", "exec"), self._names.bound)
        return self._names.bound

    def _expressions(self, exprs: Iterable[Expr]) -> Expressions:
        reads = Counter(ref for expr in exprs for ref in ir.fields(expr))
        repeated = (ref for ref, times in reads.items() if times > 1)
        return Expressions(self._names, {ref: number for number, ref in enumerate(repeated)}, self.condition)

    def _function(self, body: list[str]) -> str:
        self._count += 1
        name = f"f{self._count}"
        self._lines += [f"def {name}(e):", *body]
        return name


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
