"""Converts checks to terms of a witness: values of a field by which an index can find the check's rules.

A check without such values (comparisons by order, ``!=``, patterns without plain text) becomes a term of the kind
*test*: the check itself, evaluated once for all rules that have it.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from msgspec import Struct

from falcohost.engine.index.literals import Literals, glob_literals, regex_literals
from falcohost.engine.ir import Check, Const, Exists, FieldRef, ListOf, Transform
from falcohost.engine.operands import value_type
from falcohost.engine.operators import compares_text
from falcohost.engine.texts import ascii_lower
from falcohost.fields import Compare, Family


class Kind(enum.Enum):
    """Ways to look up the value of a field."""

    EQUAL = "equal"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    SUBSTRING = "substring"
    TEST = "test"

    __hash__ = object.__hash__  # correct for members of an enum, and several times as fast


class Form(enum.Enum):
    """Conversions of a field's value before it is looked up; a term's values are already converted."""

    PLAIN = "unchanged"
    FOLDED = "in lower case"
    PATH = "components of a path, with a slash after each"
    BITS = "an address as its version and the digits 0 and 1"
    LATIN = "each byte a character"

    __hash__ = object.__hash__


class Term(Struct, frozen=True):
    """A check in a form for the index: the value of *operand* equals, starts with, … (*kind*) one of *values*.

    :ivar several: the operand's value is a tuple, of which one fitting member is enough.
    """

    check: Check | Exists
    kind: Kind
    form: Form = Form.PLAIN
    values: tuple[Any, ...] = ()
    several: bool = False

    @property
    def operand(self) -> FieldRef | Transform:
        """Return the operand that is looked up."""
        return self.check.left


#: One value of a check in the form for the index; None: it cannot be looked up.
_Key: TypeAlias = tuple[Kind, Form, Any]


def terms_of(check: Check | Exists) -> tuple[Term, ...]:
    """Return terms of which at least one is true whenever *check* is; () if *check* is never true."""
    kind = value_type(check.left)
    several = kind.is_list or kind.compare is not Compare.SCALAR
    if isinstance(check, Exists) or isinstance(check.right, (FieldRef, Transform, Const, ListOf)):
        return (Term(check, Kind.TEST),)
    empty = kind.is_list and check.op == "in" and isinstance(check.left, Transform)  # all of none are in any list
    if check.op not in _KEYS or empty or compares_text(check.op, kind.kind):
        return (Term(check, Kind.TEST),)
    found: dict[tuple[Kind, Form], list[Any]] = {}
    for value in _wanted(check):
        for key in _KEYS[check.op](value, kind.kind.family):
            if key is None or (key[2] == "" and key[0] is not Kind.EQUAL):
                return (Term(check, Kind.TEST),)
            found.setdefault(key[:2], []).append(key[2])
    return tuple(Term(check, *how, tuple(dict.fromkeys(values)), several) for how, values in found.items())


def _wanted(check: Check) -> Iterable[Any]:
    """Return constants of which a value has to fit at least one."""
    if check.modifier == "allof":
        assert isinstance(check.right, tuple)
        return check.right[:1]
    return check.right if isinstance(check.right, tuple) else (check.right,)


def _equal(value: Any, family: Family) -> Iterator[_Key | None]:
    if family in (Family.IP, Family.NET):
        yield (Kind.PREFIX, Form.BITS, bits(value))
    else:
        yield (Kind.EQUAL, Form.PLAIN, value)


def _text(kind: Kind, value: Any, family: Family) -> Iterator[_Key | None]:
    if family is Family.BYTES:
        yield (kind, Form.LATIN, value.decode("latin-1"))
    else:
        yield (kind, Form.PLAIN, value)


def _folded(value: Any, family: Family) -> Iterator[_Key | None]:
    yield (Kind.SUBSTRING, Form.FOLDED, ascii_lower(value))


def _glob(value: Any, fold: bool) -> Iterator[_Key | None]:
    literals = glob_literals(value, fold=fold)
    if literals is not None:
        yield _of_literals(literals, fold)


def _regex(value: Any, family: Family) -> Iterator[_Key | None]:
    yield _of_literals(regex_literals(value), fold=False)


def _of_literals(found: Literals, fold: bool) -> _Key | None:
    """Return the key for the most selective part of *found*; since many values start alike, inner text is preferred."""
    kind, text = max((Kind.PREFIX, found.start), (Kind.SUFFIX, found.end), key=lambda known: len(known[1]))
    if found.whole:
        kind = Kind.EQUAL
    elif found.inside != text and len(found.inside) * 1.7 > len(text):
        kind, text = Kind.SUBSTRING, found.inside
    return (kind, Form.FOLDED, ascii_lower(text)) if fold else (kind, Form.PLAIN, text)


def _path(value: Any, family: Family) -> Iterator[_Key | None]:
    plain = []
    for component in filter(None, value.split("/")):
        if any(char in component for char in "?*["):
            break
        plain.append(component + "/")
    yield (Kind.PREFIX, Form.PATH, "".join(plain))


_KEYS = {
    "=": _equal,
    "in": _equal,
    "intersects": _equal,
    "startswith": lambda value, family: _text(Kind.PREFIX, value, family),
    "bstartswith": lambda value, family: _text(Kind.PREFIX, value, family),
    "endswith": lambda value, family: _text(Kind.SUFFIX, value, family),
    "contains": lambda value, family: _text(Kind.SUBSTRING, value, family),
    "bcontains": lambda value, family: _text(Kind.SUBSTRING, value, family),
    "icontains": _folded,
    "glob": lambda value, family: _glob(value, fold=False),
    "iglob": lambda value, family: _glob(value, fold=True),
    "regex": _regex,
    "pmatch": _path,
}


def bits(value: Any) -> str:
    """Return an address, or the fixed part of a network, as its version and the digits 0 and 1."""
    if isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return bits(value.network_address)[: 1 + value.prefixlen]
    return f"4{int(value):032b}" if isinstance(value, ipaddress.IPv4Address) else f"6{int(value):0128b}"


def path_components(value: str) -> str:
    """Return *value* with exactly one slash after each component."""
    return "".join(f"{component}/" for component in value.split("/") if component)
