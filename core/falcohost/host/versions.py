"""Gives classes, and the names of modules, their versions before the first fork.

Python numbers what it looks attributes and global names up in, when it first remembers such a look-up, and writes the
number there. Without this each process would copy the page of each class and of each module's names that it uses.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from functools import cached_property
from types import FunctionType
from typing import Any, Final

#: The flag of classes whose objects have their attributes in the order of names that the class has (object.h).
_NAMED: Final = 1 << 4

#: Most names that a class knows (pycore_dict.h).
_MOST_NAMES: Final = 30

#: What a class must not do in its own way.
_PLAIN: Final = ("__getattribute__", "__sizeof__")

#: How often code has run by which Python has remembered where its names are.
_TIMES: Final = 4


def give_versions() -> None:
    """Give all classes and all modules' names their versions. To be called once, before the first fork."""
    if sys.implementation.name != "cpython" or sys.version_info < (3, 12):
        return
    number = getattr(ctypes.pythonapi, "PyUnstable_Type_AssignVersionTag", None)
    if number is not None:
        number.argtypes = (ctypes.py_object,)
        for one in _classes():
            number(one)
        if sys.version_info >= (3, 13):
            for one in _classes():
                _give_names(one)
    for module in [*sys.modules.values()]:
        names = getattr(module, "__dict__", None)
        if type(names) is dict and "__name__" in names:
            _look_at(names)
    for one in _classes():
        made = getattr(one.__dict__.get("__new__"), "__func__", None)
        if isinstance(made, FunctionType) and "__name__" in made.__globals__:
            _look_at(made.__globals__)  # that of a named tuple has names of its own


def _look_at(names: dict[str, Any]) -> None:
    # For each module anew: code remembers where its names are for one of them.
    look = FunctionType(_look.__code__.replace(), names)
    for _ in range(_TIMES):
        look()


def _look() -> object:
    return __name__


def _look_up(one: object) -> object:
    return one.__sizeof__()


def _give_names(kind: type) -> None:
    """Have *kind* know the names of its objects' attributes, and give these names their version.

    Objects are made for that, of which nobody hears: no code of their class runs. Python counts in the class for how
    many more names there is room, one less with each object; it ends with that after a few.
    """
    if not kind.__flags__ & _NAMED:
        return
    has: dict[str, object] = {}
    for base in reversed(kind.__mro__):
        has.update(base.__dict__)
    if "__del__" in has or any(has[name] is not object.__dict__[name] for name in _PLAIN):
        return
    try:
        one: object = object.__new__(kind)
    except TypeError:  # it is abstract, or made by code in C
        return
    for name in _names(kind):
        if not hasattr(type(has.get(name)), "__set__"):
            object.__setattr__(one, name, None)
    look = FunctionType(_look_up.__code__.replace(), {})
    for _ in range(_TIMES):
        look(one)
    for _ in range(_MOST_NAMES):
        object.__new__(kind)


def _names(kind: type) -> Iterator[str]:
    """Yield the names of attributes that methods of *kind* set: a class has them since Python 3.13."""
    for base in kind.__mro__[-2::-1]:  # without object
        own = f"_{base.__name__.lstrip('_')}"
        for name in base.__dict__.get("__static_attributes__", ()):
            yield own + name if name.startswith("__") and not name.endswith("__") else name
        yield from base.__dict__.get("__dataclass_fields__", ())
        if cached_property in map(type, base.__dict__.values()):
            yield from (name for name, one in base.__dict__.items() if type(one) is cached_property)


def _classes() -> list[type]:
    """Return all classes, each once."""
    found: dict[type, None] = {object: None}
    waiting: list[type] = [object]
    while waiting:
        children: list[type] = type.__subclasses__(waiting.pop())
        for one in children:
            if one not in found:
                found[one] = None
                waiting.append(one)
    return [*found]
