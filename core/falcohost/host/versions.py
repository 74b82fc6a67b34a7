"""Gives classes, and the names of modules, their versions before the first fork.

Python numbers what it looks attributes and global names up in, when it first remembers such a look-up, and writes the
number there. Without this each process would copy the page of each class and of each module's names that it uses.
"""

from __future__ import annotations

import ctypes
import sys
from types import FunctionType
from typing import Final

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
    for module in [*sys.modules.values()]:
        names = getattr(module, "__dict__", None)
        if type(names) is dict and "__name__" in names:
            # For each module anew: code remembers where its names are for one of them.
            look = FunctionType(_look.__code__.replace(), names)
            for _ in range(_TIMES):
                look()


def _look() -> object:
    return __name__


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
