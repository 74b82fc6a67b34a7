"""Lays the code that each process will run side by side, before the first fork.

Python changes the code that it runs (PEP 659), so that each process has its own copy of each page in which there is
some. Where code is as it was loaded, each page of 4 KiB has one or two functions of half a KiB that run, among others
that never do and what belongs to them. Which functions run in which process is written down in a file of each package,
``running_code.txt``, by ``script/bench running_code``. What is missing there only takes more memory.

A process gives back what its start has changed of it (:mod:`falcohost.code_memory`), so that sections of a file tell
apart what only a start runs, and what needs an alert.

Code is moved, not made anew: callers know functions by a version, which they would lose.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final, NamedTuple

from falcohost.code_memory import is_followed, keep
from falcohost.host import immortal
from falcohost.host.memory import unused

#: The file of a package in which it is written which of its functions run, and this package.
FILE: Final = "running_code.txt"
OWN: Final = "falcohost"

#: The versions of Python in which a code object is one piece of memory to which nothing in it points.
_FROM: Final = (3, 11)
_BEFORE: Final = (3, 14)
_WORD: Final = 8
_ALIGNED: Final = 16
_PAGE: Final = 4096
#: Where the items of a tuple begin.
_ITEMS: Final = tuple.__basicsize__

#: What a Python has that compiles code while it runs, and so keeps more of it than what is in the code.
_COMPILES: Final = ("_Py_GetExecutor", "_Py_SetTier2Optimizer", "PyUnstable_GetExecutor", "PyUnstable_SetOptimizer")

#: By module and name of a function, where in the order of all processes its first one is.
Order = Mapping[str, Mapping[str, int]]


class _Code(NamedTuple):
    """A code object, and the words of memory that refer to it: in functions, and in constants of other code."""

    code: CodeType
    places: list[int]


#: Where code was moved to, and this memory.
_moved: list[range] = []
_memory: list[memoryview] = []


def move_running_code(modules: Iterable[str]) -> int:
    """Move the code that runs, of all modules of the packages of *modules*, as far as they are imported.

    To be called by who is about to fork for the first time, or has time before: what was moved then, or exempted from
    garbage collection, stays where it is. Return how many code objects were moved.
    """
    if not is_possible():
        return 0
    found = _found(_order({OWN, *(name.partition(".")[0] for name in modules)}))
    size = sum(_size(one.code) for _, those in found for one in those) + _PAGE * len(found)
    if not found:
        return 0
    size += -size % _PAGE
    memory = unused(size)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))  # it stays, also while Python ends
    at, count = ctypes.addressof(ctypes.c_char.from_buffer(memory)), 0
    _moved.append(range(at, at + size))
    _memory.append(memory)
    for _, those in found:
        at += -at % _PAGE
        for one in those:
            _move(one, at)
            at += _size(one.code)
        count += len(those)
    return count


def keep_moved_code() -> None:
    """Have processes give back, by :func:`~falcohost.code_memory.give_back`, what they have changed of what was moved.

    To be called when all objects are immortal: counts would be given back, too.
    """
    if immortal.is_possible() and not any(hasattr(ctypes.pythonapi, name) for name in _COMPILES):
        with contextlib.suppress(OSError):
            while _memory:
                keep(_memory.pop())


def is_possible() -> bool:
    """Return whether code objects are as expected here, and nobody follows what runs."""
    if sys.implementation.name != "cpython" or not _FROM <= sys.version_info < _BEFORE or "t" in sys.abiflags:
        return False
    return sys.maxsize > 1 << 32 and not is_followed()


def _order(packages: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return what the files of *packages* say."""
    order: dict[str, dict[str, int]] = {}
    processes: dict[str, int] = {}
    for package in sorted(packages):
        file = getattr(sys.modules.get(package), "__file__", None)
        with contextlib.suppress(OSError):
            text = "" if file is None else Path(file).with_name(FILE).read_text()
            for process, module, names in parsed(text):
                order.setdefault(module, {}).update(dict.fromkeys(names, processes.setdefault(process, len(processes))))
    return order


def parsed(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the processes, modules and names of functions in the *text* of a file."""
    process = ""
    for line in text.splitlines():
        if line.startswith("["):
            process = line.strip("[]")
        elif line and not line.startswith("#"):
            module, *names = line.split()
            yield process, module, names


def _found(order: Order) -> list[tuple[int, list[_Code]]]:
    """Return the code that is in *order*, by process."""
    by_place: dict[int, tuple[int, _Code]] = {}
    offset = _offset_in_functions()
    for one in gc.get_objects():
        if type(one) is FunctionType and (names := order.get(one.__globals__.get("__name__", ""))) is not None:
            _take(one.__code__, id(one) + offset, names, by_place)
    by_process: dict[int, list[_Code]] = {}
    for process, code in by_place.values():
        by_process.setdefault(process, []).append(code)
    return sorted(by_process.items(), key=lambda item: item[0])


def _take(code: CodeType, place: int, names: Mapping[str, int], found: dict[int, tuple[int, _Code]]) -> None:
    """Note that the word at *place* refers to *code*, if that runs, and the same of the code in it."""
    process = names.get(code.co_qualname)
    if process is not None and not weakref.getweakrefcount(code) and not any(id(code) in place for place in _moved):
        places = found.setdefault(id(code), (process, _Code(code, [])))[1].places
        if place not in places:
            places.append(place)
    for number, constant in enumerate(code.co_consts):
        if type(constant) is CodeType:
            _take(constant, id(code.co_consts) + _ITEMS + number * _WORD, names, found)


def _offset_in_functions() -> int:
    """Return where in a function the reference to its code is."""

    def sample() -> None: ...

    words = (ctypes.c_uint64 * (FunctionType.__basicsize__ // _WORD)).from_address(id(sample))
    return [*words].index(id(sample.__code__)) * _WORD


def _move(one: _Code, at: int) -> None:
    """Copy the code to *at*, and have what referred to it refer to the copy.

    The count of references goes along with it. It is too high on both sides, so that neither is ever freed.
    """
    place = id(one.code)
    words = [ctypes.c_uint64.from_address(address) for address in one.places]
    if all(word.value == place for word in words):
        ctypes.memmove(at, place, sys.getsizeof(one.code))
        for word in words:
            word.value = at


def _size(code: CodeType) -> int:
    return (sys.getsizeof(code) + _ALIGNED - 1) // _ALIGNED * _ALIGNED
