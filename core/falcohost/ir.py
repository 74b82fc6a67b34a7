"""Conditions as sources receive them (:attr:`falcohost.Plan.condition`), and helpers that weaken them.

The tree is defined in :mod:`falcohost.engine.ir`. A push-down walks it and returns a *necessary* condition: whatever
the source cannot decide counts as true, also below ``not``. Provisional.
"""

from falcohost.engine.code.predicates import predicate
from falcohost.engine.code.specialise import FALSE, TRUE, specialise
from falcohost.engine.globs import parse_glob
from falcohost.engine.index.literals import Literals, regex_literals
from falcohost.engine.ir import And, Check, Const, Exists, Expr, FieldRef, ListOf, Not, Operand, Or, Transform, checks
from falcohost.engine.shown import shown, shown_operand

__all__ = [
    "FALSE",
    "TRUE",
    "And",
    "Check",
    "Const",
    "Exists",
    "Expr",
    "FieldRef",
    "ListOf",
    "Literals",
    "Not",
    "Operand",
    "Or",
    "Transform",
    "checks",
    "parse_glob",
    "predicate",
    "regex_literals",
    "shown",
    "shown_operand",
    "specialise",
]
