"""Lookup tables of an index: functions from a field's value to everything that is stored under a fitting value.

The stored sets may be of any type that *join* can unite: bit sets for few rules, tuples of numbers for many.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeAlias, TypeVar

import ahocorasick

from falcohost.engine.index.terms import Form, Kind, bits, path_components
from falcohost.engine.texts import ascii_lower

T = TypeVar("T")
#: Unites the sets of two values.
Join: TypeAlias = Callable[[T, T], T]
#: Returns the united sets of all stored values that fit a value, which is not absent.
Table: TypeAlias = Callable[[Any], T]

#: Up to this many texts are searched for one by one.
FEW = 12


def table(kind: Kind, form: Form, several: bool, filed: Mapping[Any, T], nothing: T, join: Join[T]) -> Table[T]:
    """Return the lookup table for the values in *filed*; it returns *nothing* if none fits.

    :param several: the value is a tuple; stored values that fit any of its members count.
    """
    single = _MAKERS[kind](filed, nothing, join)
    change = _FORMS[form]
    found = single if change is None else _changed(change, single)
    return _any_member(found, nothing, join) if several else found


def _changed(change: Callable[[Any], Any], single: Table[T]) -> Table[T]:
    return lambda value: single(change(value))


def _any_member(single: Table[T], nothing: T, join: Join[T]) -> Table[T]:
    def find(values: Any) -> T:
        found = nothing
        for value in values:
            if value is not None and (more := single(value)):
                found = join(found, more) if found else more
        return found

    return find


def _equal(filed: Mapping[Any, T], nothing: T, join: Join[T]) -> Table[T]:
    get = dict(filed).get
    return lambda value: get(value, nothing)


def _prefix(filed: Mapping[str, T], nothing: T, join: Join[T]) -> Table[T]:
    """Find all texts that a value starts with, from the longest: it sorts closest before the value."""
    texts = sorted(filed)
    outer: list[int] = []  # for each text: the number of the longest other text that it starts with, or -1
    everything: list[T] = []
    for number, text in enumerate(texts):
        above = number - 1
        while above >= 0 and not text.startswith(texts[above]):
            above = outer[above]
        outer.append(above)
        everything.append(filed[text] if above < 0 else join(everything[above], filed[text]))

    def find(value: str) -> T:
        number = bisect_right(texts, value) - 1
        while number >= 0:
            if value.startswith(texts[number]):
                return everything[number]
            number = outer[number]
        return nothing

    return find


def _suffix(filed: Mapping[str, T], nothing: T, join: Join[T]) -> Table[T]:
    find = _prefix({text[::-1]: found for text, found in filed.items()}, nothing, join)
    return lambda value: find(value[::-1])


def _substring(filed: Mapping[str, T], nothing: T, join: Join[T]) -> Table[T]:
    if len(filed) <= FEW:
        pairs = tuple(filed.items())

        def search(value: str) -> T:
            found = nothing
            for text, more in pairs:
                if text in value:
                    found = join(found, more)
            return found

        return search
    automaton = ahocorasick.Automaton()
    for text, found in filed.items():
        automaton.add_word(text, (text, found))
    automaton.make_automaton()
    pieces = automaton.iter

    def scan(value: str) -> T:
        hits = dict(hit for _, hit in pieces(value))
        return reduce(join, hits.values()) if hits else nothing

    return scan


_MAKERS: Mapping[Kind, Callable[[Mapping[Any, Any], Any, Join[Any]], Table[Any]]] = {
    Kind.EQUAL: _equal,
    Kind.PREFIX: _prefix,
    Kind.SUFFIX: _suffix,
    Kind.SUBSTRING: _substring,
}

_FORMS: Mapping[Form, Callable[[Any], Any] | None] = {
    Form.PLAIN: None,
    Form.FOLDED: ascii_lower,
    Form.PATH: path_components,
    Form.BITS: bits,
    Form.LATIN: lambda value: value.decode("latin-1"),
}
