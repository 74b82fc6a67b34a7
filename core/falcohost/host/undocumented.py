"""Leaves out of imported modules what only people and type checkers read: docstrings, and annotations of functions.

All processes of the agent would share 1.3 MB of them. They are taken out of the code before it runs, so that the memory
is there for the module that is imported next. ``python -OO`` does this with docstrings, but finds no compiled files.
"""

from __future__ import annotations

from collections.abc import Iterable
from opcode import opmap
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

#: In place of a class's docstring: for one without, ``dataclasses`` makes a longer one.
_NO_TEXT: Final = "-"
#: Of a function's code, a flag that other code does not have (CO_NEWLOCALS); and how that of a lambda begins its name.
_FUNCTION: Final = 2
_NAMELESS: Final = "<"
_LOAD, _STORE = opmap["LOAD_CONST"], opmap["STORE_NAME"]
#: In so many bytes of the code of a class or module its docstring is stored.
_BEGINNING: Final = 48


def without_docstrings(code: CodeType) -> CodeType:
    """Return the *code* of a module, class or function without docstrings."""
    constants = [without_docstrings(one) if type(one) is CodeType else one for one in code.co_consts]
    if code.co_flags & _FUNCTION:
        # Until Python 3.13 the first constant is the docstring or None.
        if constants and type(constants[0]) is str and code.co_name[0] != _NAMELESS:
            constants[0] = None
    elif "__doc__" in code.co_names:
        stored, text = code.co_names.index("__doc__"), code.co_code[:_BEGINNING]
        for at in range(0, len(text) - 3, 2):
            if text[at] == _LOAD and text[at + 2] == _STORE and text[at + 3] == stored:
                constants[text[at + 1]] = _NO_TEXT
                break
    if all(map(_is, constants, code.co_consts)):
        return code
    return code.replace(co_consts=tuple(constants))


def _is(one: object, other: object) -> bool:
    return one is other


def forget_annotations(module: ModuleType) -> None:
    """Take out of memory the annotations of a module's constants, functions and methods, and other notes for tools.

    Those of classes stay: they say what their fields are.
    """
    names = module.__dict__
    for note in ("__annotations__", "__cached__"):
        names.pop(note, None)
    if module.__spec__ is not None:
        module.__spec__.cached = None
    _forget(names.values(), names, "")


def _forget(values: Iterable[object], names: dict[str, Any], within: str) -> None:
    for one in values:
        if isinstance(one, property):
            one = one.fget
        elif isinstance(one, (staticmethod, classmethod)):
            one = one.__func__
        if type(one) is FunctionType:
            if one.__globals__ is names:
                one.__annotations__ = None  # type: ignore[assignment]
        elif (
            isinstance(one, type)
            and one.__module__ == names["__name__"]
            and one.__qualname__ == within + one.__name__  # not another name of a class around it
        ):
            _forget(one.__dict__.values(), names, f"{one.__qualname__}.")
