"""Fields whose values come from a lookup: from the row whose key is made of other fields of the event.

While the row is not known, the value is :data:`~falcohost.lookups.PENDING`. No check ever sees it: conditions are
evaluated in the forms that :mod:`falcohost.engine.unknown` makes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from falcohost.engine.code.module import compile_values
from falcohost.engine.ir import FieldRef
from falcohost.engine.paths import getter
from falcohost.fields import Arg, Field
from falcohost.lookups import GIVEN_UP, PENDING, Key, NotYet


class Finder(Protocol):
    """Finds the rows of one lookup."""

    @property
    def name(self) -> str:
        """Return the name of the lookup."""

    def find(self, key: Key) -> Any:
        """Return the row for *key*, None if there is none, PENDING, or GIVEN_UP. Never waits."""

    def miss(self) -> None:
        """Count a value that counted as absent because its row did not arrive in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenField(Field):
    """A field whose value may be PENDING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupField(OpenField):
    """A field of a lookup.

    :ivar finder: finds the rows.
    :ivar key: the fields whose values are the key, and behind them those whose values *read* gets.
    :ivar length: how many of them are the key.
    :ivar key_of: returns the values of all of them; None if a part of the key is absent.
    :ivar read: called with a row, the field's argument, and the values that are not the key; returns the value.
    :ivar base: the source's own field of this name, or None. If it has a value, the lookup is not asked.
    """

    finder: Finder
    key: tuple[FieldRef, ...]
    length: int
    key_of: Callable[[Any], Key | None]
    read: Callable[..., Any]
    base: Field | None

    def asked(self, key: Key, arg: Arg) -> Any:
        """Return the value in the row of *key*: None if it is absent, PENDING or GIVEN_UP if the row is not known.

        :param key: what :attr:`key_of` returned.
        """
        row = self.finder.find(key[: self.length])
        return row if row is None or isinstance(row, NotYet) else self.read(row, arg, *key[self.length :])


def added(row: Field, finder: Finder, key: Sequence[FieldRef]) -> LookupField:
    """Return a field of events for *row*, a field whose getter takes a row that *finder* finds."""
    return _made(row, finder, key, getter(row), None)


def filling(
    base: Field, finder: Finder, key: Sequence[FieldRef], read: Callable[..., Any], beside: Sequence[FieldRef] = ()
) -> LookupField:
    """Return a field that has the value of *base*, or, if that is absent, the value that *finder* finds.

    :param beside: the fields of the event whose values *read* gets as well.
    """
    return _made(base, finder, key, read, base, beside)


def is_open(ref: FieldRef) -> bool:
    """Return whether the value of *ref* may be PENDING."""
    return isinstance(ref.field, OpenField)


def _made(
    like: Field,
    finder: Finder,
    key: Sequence[FieldRef],
    read: Callable[..., Any],
    base: Field | None,
    beside: Sequence[FieldRef] = (),
) -> LookupField:
    own = _nothing if base is None else getter(base)

    def get(event: Any, arg: Arg) -> Any:
        value = own(event, arg)
        if value is not None and value != ():
            return value
        known = made.key_of(event)
        found = None if known is None else made.asked(known, arg)
        return PENDING if found is GIVEN_UP else found  # a candidate gives it up, and says so

    rows = {one.name: getattr(like, one.name) for one in dataclasses.fields(Field)}
    rows |= {"get": get, "path": None, "reads": ()}
    refs, key_of = (*key, *beside), _key_of(key, beside)
    made = LookupField(**rows, finder=finder, key=refs, length=len(key), key_of=key_of, read=read, base=base)
    return made


def _nothing(event: Any, arg: Arg) -> None:
    return None


def _key_of(key: Sequence[FieldRef], beside: Sequence[FieldRef]) -> Callable[[Any], Key | None]:
    """Return the function from an event to the values of *key* and *beside*; it is compiled on its first call."""
    length = len(key)
    readers: list[Callable[[Any], Any]] = []

    def key_of(event: Any) -> Key | None:
        if not readers:
            readers.extend(compile_values((*key, *beside)))
        values = tuple([read(event) for read in readers])
        return None if None in values[:length] else values

    return key_of
