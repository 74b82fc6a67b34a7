"""The condition language once more, as slowly and plainly as it can be said: the oracle for generated code.

It walks the IR for one event. It shares nothing with the engine but the IR; globs are matched by the C library's own
fnmatch(3), regular expressions by Python's ``re`` (the tests generate only patterns that mean the same to both).

There are three values: a check of a value that a lookup does not know yet is neither true nor false but None.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import re
import socket
from typing import Any

from falcohost.engine.ir import And, Check, Const, Exists, Expr, FieldRef, ListOf, Not, Or, Transform
from falcohost.fields import Compare
from falcohost.lookups import PENDING

TEXT_OPERATORS = ("contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex")


def evaluate(expr: Expr, event: Any) -> bool | None:
    """Return whether *expr* holds for *event*; None where that hangs on a value that is not known yet."""
    if isinstance(expr, (And, Or)):
        decisive = isinstance(expr, Or)
        unknown = False
        for item in expr.items:
            answer = evaluate(item, event)
            if answer is decisive:
                return decisive
            unknown = unknown or answer is None
        return None if unknown else not decisive
    if isinstance(expr, Not):
        answer = evaluate(expr.item, event)
        return None if answer is None else not answer
    left = value_of(expr.left, event)
    if isinstance(expr, Exists):
        return None if left is PENDING else left is not None
    if isinstance(expr.right, (FieldRef, Transform, Const, ListOf)):
        right = value_of(expr.right, event)
        if left is PENDING or right is PENDING:
            return None
        return left is not None and right is not None and pair(expr, left, right)
    if left is PENDING:
        return None
    return left is not None and check(expr, left)


def pair(expr: Check, left: Any, right: Any) -> bool:
    """Return what a check says of two values that are there."""
    if is_list(expr.left):
        found = [value in right for value in left]
        return all(found) if expr.op == "in" else any(found)
    return compare("=" if expr.op in ("in", "intersects") else expr.op, left, right)


def check(expr: Check, left: Any) -> bool:
    """Return what a check against constants says of a value that is there."""
    if is_list(expr.left):
        found = [member(value, expr.right) for value in left]
        return bool(expr.right) and (all(found) if expr.op == "in" else any(found))
    if not isinstance(expr.left, FieldRef) or expr.left.arg is not None:
        return with_modifier(expr, left)
    kind = expr.left.field.compare
    if kind is Compare.SCALAR:
        return with_modifier(expr, left)
    found = [with_modifier(expr, value) for value in left]
    return all(found) if kind is Compare.ENDPOINTS and expr.op == "!=" else any(found)


def with_modifier(expr: Check, value: Any) -> bool:
    """Return what a check with its modifier says of one value."""
    if expr.modifier is None:
        return compare(expr.op, value, expr.right)
    hits = sum(compare(expr.op, value, right) for right in expr.right)
    return {"oneof": hits == 1, "anyof": hits >= 1, "allof": hits == len(expr.right) > 0}[expr.modifier]


def compare(op: str, left: Any, right: Any) -> bool:
    """Return what one operator says of one value and a constant (or, for ``in`` and ``pmatch``, several)."""
    if op in ("in", "intersects"):
        return member(left, right)
    if op == "pmatch":
        return any(path_prefix(left, path) for path in right)
    if op in ("=", "!="):
        return member(left, (right,)) is (op == "=")
    if op in TEXT_OPERATORS and hasattr(left, "packed"):
        left = socket.inet_ntop(socket.AF_INET if left.version == 4 else socket.AF_INET6, left.packed)
    if op == "regex":
        return re.fullmatch(right, left, re.ASCII) is not None
    left, right = raw(left), raw(right)
    match op.removeprefix("b") if op.startswith("b") else op:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "contains":
            return right in left
        case "icontains":
            return right.lower() in left.lower()
        case "startswith":
            return left[: len(right)] == right
        case "endswith":
            return len(left) >= len(right) and left[len(left) - len(right) :] == right
        case "glob":
            return fnmatch(right, left)
        case "iglob":
            return fnmatch(right, left, fold=True)
    raise AssertionError(op)


def member(value: Any, constants: Any) -> bool:
    """Return whether *value* is one of *constants*, or an address inside one of them."""
    for constant in constants:
        if hasattr(constant, "netmask"):
            if constant.version == value.version and value in constant:
                return True
        elif constant == value:
            return True
    return False


def path_prefix(value: str, path: str) -> bool:
    """Return whether the components of *path* begin those of *value*."""
    wanted = [part for part in path.split("/") if part]
    parts = [part for part in value.split("/") if part]
    if len(parts) < len(wanted):
        return False
    return all(
        fnmatch(raw(pattern), raw(part)) if set(pattern) & set("?*[") else pattern == part
        for pattern, part in zip(wanted, parts, strict=False)
    )


def value_of(operand: Any, event: Any) -> Any:
    """Return the value of an operand; None if it is absent, PENDING if it is not known yet."""
    if isinstance(operand, FieldRef):
        value = operand.field.get(event, operand.arg)
        several = operand.field.is_list or (operand.arg is None and operand.field.compare is not Compare.SCALAR)
        return None if several and not value else value
    if isinstance(operand, Const):
        return str(operand.value)
    if isinstance(operand, ListOf):
        values = [value_of(item, event) for item in operand.items]
        if (odd := missing(values)) is not None:
            return odd[0]
        return tuple(str(part) for value in values for part in (value if isinstance(value, tuple) else (value,)))
    args = [value_of(arg, event) for arg in operand.args]
    if (odd := missing(args)) is not None:
        return odd[0]
    if operand.name == "concat":
        return "".join(args)
    if operand.name == "join":
        return args[0].join(str(part) for part in args[1])
    if operand.name == "getopt":
        return options(args[0], args[1], operand.arg)
    if operand.name == "len":
        return len(args[0]) if isinstance(args[0], tuple) else len(raw(args[0]))
    if isinstance(args[0], tuple):
        values = [transformed(operand.name, value) for value in args[0]]
        return None if None in values else tuple(values)
    return transformed(operand.name, args[0])


def missing(values: list[Any]) -> tuple[Any] | None:
    """Return what an operand is of which these are parts, if one of them is not known or absent: a tuple of it."""
    if any(value is PENDING for value in values):
        return (PENDING,)
    return (None,) if None in values else None


def transformed(name: str, value: Any) -> Any:
    """Return what a transformer makes of one text or buffer; None if it cannot."""
    if name == "basename":
        return value.split("/")[-1]
    if name == "b64":
        bare = re.sub(b"={1,2}$", b"", raw(value))
        try:
            data = base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
        except binascii.Error:
            return None
        if base64.b64encode(data).rstrip(b"=") != bare:
            return None
        return data if isinstance(value, bytes) else data.decode("utf-8", "surrogateescape")
    data = raw(value).lower() if name == "tolower" else raw(value).upper()
    return data.decode("utf-8", "surrogateescape")


def options(arguments: tuple[str, ...], optstring: str, letter: str | None) -> Any:
    """Return what getopt finds in *arguments*: all of it, or the last value of the option *letter*."""
    valued = {char for char, after in zip(optstring, optstring[1:] + " ", strict=True) if after == ":"} - {":"}
    found: list[str] = []
    chosen: str | None = None
    todo = list(arguments)
    while todo:
        token = todo.pop(0)
        if token.startswith("--") and token != "--":
            continue
        if token == "--" or not token.startswith("-") or token == "-":
            break
        letters = token[1:]
        while letters:
            char, letters = letters[0], letters[1:]
            if char == ":" or char not in optstring:
                found.append("?")
            elif char not in valued:
                found.append(char)
                chosen = char if char == letter else chosen
            else:
                value = letters if letters else (todo.pop(0) if todo else None)
                found.extend([""] if value is None else [char, value])
                chosen = (value or "") if char == letter else chosen
                letters = ""
    return tuple(found) if letter is None else chosen


def is_list(operand: Any) -> bool:
    """Return whether an operand is a list."""
    if isinstance(operand, FieldRef):
        return operand.field.is_list
    if isinstance(operand, Transform):
        if operand.name == "getopt":
            return operand.arg is None
        return operand.name not in ("len", "join", "concat") and is_list(operand.args[0])
    return isinstance(operand, ListOf)


def raw(value: Any) -> Any:
    """Return the bytes of a text; anything else as it is."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def fnmatch(pattern: bytes, value: bytes, fold: bool = False) -> bool:
    """Return what the C library's fnmatch says in the C locale (FNM_CASEFOLD is 16)."""
    before = _LIBC.uselocale(_C_LOCALE)
    try:
        return bool(_LIBC.fnmatch(pattern, value, 16 if fold else 0) == 0)
    finally:
        _LIBC.uselocale(before)


_LIBC = ctypes.CDLL(None)
_LIBC.newlocale.restype = _LIBC.uselocale.restype = ctypes.c_void_p
_LIBC.newlocale.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_LIBC.uselocale.argtypes = (ctypes.c_void_p,)
#: For this thread and this call only, so that no other test finds its locale changed; 1 is LC_CTYPE_MASK.
_C_LOCALE = _LIBC.newlocale(1, b"C", None)
