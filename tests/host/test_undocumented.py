"""What the agent imports has no docstrings and no annotations of functions, and does the same."""

from types import ModuleType
from typing import get_type_hints

import pytest

from falcohost.host.undocumented import forget_annotations, without_docstrings

MODULE = '''
"""Of the module."""
from __future__ import annotations
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

TEXT: str = "kept"

def function(one: int, two: str = "two") -> str:
    """Of the function."""
    def inner():
        """Of one in it."""
        return "inner"
    return two + inner()

def returns_text():
    return "Of no docstring."

def generator():
    """Of the generator."""
    yield "first"

nameless = lambda: "text"

@dataclass
class Data:
    """Of the class."""
    number: int = 5

    class Inner:
        """Of a class in it."""
        text = "in it"
        def method(self: Data) -> str:
            """Of a method."""
            return self.text

    @property
    def doubled(self) -> int:
        """Of the property."""
        return 2 * self.number

    @staticmethod
    def static(one: int) -> int:
        """Of a static one."""
        return one

    @classmethod
    def made(cls, number: int) -> Data:
        """Of one of the class."""
        return cls(number)

Data.Again = Data

class Plain:
    text = "Of no docstring."

class Row(NamedTuple):
    """Of the row."""
    one: int
'''


@pytest.fixture
def module():
    """Return the module as the agent has it."""
    made = ModuleType("made")
    code = compile(MODULE, "made.py", "exec", dont_inherit=True)
    import sys

    sys.modules["made"] = made
    exec(without_docstrings(code), made.__dict__)
    forget_annotations(made)
    yield made
    del sys.modules["made"]


def test_docstrings_are_gone(module):
    """Neither functions nor their code have docstrings; classes have a short text."""
    functions = (module.function, module.generator, module.Data.Inner.method, module.Data.static, module.Data.made)

    assert [None] * 5 == [one.__doc__ for one in functions]
    assert ["-"] * 4 == [one.__doc__ for one in (module, module.Data, module.Data.Inner, module.Row)]
    assert "Of " not in "".join(map(str, module.function.__code__.co_consts))


def test_annotations_are_gone(module):
    """Functions and methods have none; those of classes stay, which say what their fields are."""
    functions = (module.function, module.Data.Inner.method, module.Data.doubled.fget, module.Data.static)

    assert [{}] * 4 == [one.__annotations__ for one in functions]
    assert {} == module.Data.made.__func__.__annotations__
    assert {"number": int} == get_type_hints(module.Data)
    assert "__annotations__" not in module.__dict__


def test_it_does_the_same(module):
    """Constants, texts that are no docstrings, defaults and fields are as they were."""
    assert "twoinner" == module.function(1)
    assert "Of no docstring." == module.returns_text() == module.Plain.text
    assert (None, "kept", "text", ["first"]) == (
        module.Plain.__doc__,
        module.TEXT,
        module.nameless(),
        [*module.generator()],
    )
    assert (10, 3, 7, "in it") == (
        module.Data().doubled,
        module.Data.made(3).number,
        module.Data.static(7),
        module.Data.Inner().method(),
    )
    assert (1,) == module.Row(1)
