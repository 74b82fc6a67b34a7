"""Fields whose values come from a lookup: from the row whose key is made of other fields of the event.

While the row is not known, the value is :data:`~falcohost.lookups.PENDING`. No check ever sees it: conditions are
evaluated in the forms that :mod:`falcohost.engine.unknown` makes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from falcohost.engine.code.module import compile_values
from falcohost.engine.ir import FieldRef
from falcohost.engine.paths import getter
from falcohost.errors import FalcohostError
from falcohost.fields import Arg, ArgKind, Compare, Field
from falcohost.lookups import GIVEN_UP, PENDING, Key, NotYet

#: Returns the field that a rule names in brackets.
#:
#: :raises FalcohostError: there is none.
Resolve: TypeAlias = Callable[[str], FieldRef]


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
    :ivar chained: one of them is a field of a lookup itself.
    :ivar key_of: returns the values of all of them; None if a part of the key is absent.
    :ivar read: called with a row, the field's argument, and the values that are not the key; returns the value.
    :ivar base: the source's own field of this name, or None. If it has a value, the lookup is not asked.
    """

    finder: Finder
    key: tuple[FieldRef, ...]
    length: int
    chained: bool
    key_of: Callable[[Any], Key | None]
    read: Callable[..., Any]
    base: Field | None

    def asked(self, key: Key, arg: Arg) -> Any:
        """Return the value in the row of *key*: None if it is absent, PENDING or GIVEN_UP if the row is not known.

        :param key: what :attr:`key_of` returned.
        """
        if self.chained:
            key = tuple([part.again() if isinstance(part, _Asked) else part for part in key])
            if None in key[: self.length]:
                return None
            if (unknown := next((part for part in key if isinstance(part, NotYet)), None)) is not None:
                return unknown
        row = self.finder.find(key[: self.length])
        return row if row is None or isinstance(row, NotYet) else self.read(row, arg, *key[self.length :])


class _Asked(NamedTuple):
    """A part of a key that comes from another lookup, and was not known yet."""

    field: LookupField
    key: Key
    arg: Arg

    def again(self) -> Any:
        """Return the part, or that it is not known."""
        return self.field.asked(self.key, self.arg)


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


def by_argument(row: Field, finder: Finder, resolve: Resolve) -> Field:
    """Return a field whose argument names the field of the event that is looked up: ``asset.owner[fd.sip]``.

    The key is the name of *row*, and the value of that field, which *resolve* finds.
    """
    made: dict[str, LookupField] = {}

    def check(text: str) -> str | None:
        try:
            return _unfit(resolve(text))
        except FalcohostError as error:
            return f"{row.name}[{text}]: {error}"

    def variant(text: str) -> Field:
        if text not in made:
            made[text] = _made(row, finder, (resolve(text),), getter(row), None, of=(row.name,))
        return made[text]

    return dataclasses.replace(row, arg=ArgKind.KEY, arg_required=True, check_arg=check, variant=variant)


def _unfit(ref: FieldRef) -> str | None:
    """Return why the value of *ref* cannot be looked up."""
    if ref.field.is_list or (ref.arg is None and ref.field.compare is not Compare.SCALAR):
        return f"{ref.text} has several values, and only one can be looked up"
    return None


def behind(ref: FieldRef) -> Iterator[FieldRef]:
    """Yield the fields behind a field of a lookup: its key, and the source's own field of this name.

    Where the key comes from another lookup, what is behind that.
    """
    if not isinstance(ref.field, LookupField):
        return
    for part in ref.field.key:
        yield from behind(part) if isinstance(part.field, LookupField) else (part,)
    if ref.field.base is not None:
        yield FieldRef(ref.field.base, ref.arg, ref.text)


def finders(ref: FieldRef) -> Iterator[Finder]:
    """Yield what finds the value of *ref*, and what finds the key of that."""
    if isinstance(ref.field, LookupField):
        yield ref.field.finder
        for part in ref.field.key:
            yield from finders(part)


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
    of: tuple[str, ...] = (),
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
    refs, key_of, length = (*key, *beside), _key_of(key, beside, of), len(of) + len(key)
    rows |= {"finder": finder, "key": refs, "length": length, "chained": any(map(is_open, refs))}
    made = LookupField(**rows, key_of=key_of, read=read, base=base)
    return made


def _nothing(event: Any, arg: Arg) -> None:
    return None


def _key_of(key: Sequence[FieldRef], beside: Sequence[FieldRef], of: tuple[str, ...]) -> Callable[[Any], Key | None]:
    """Return the function from an event to *of*, the values of *key*, and those of *beside*.

    It is compiled on its first call.
    """
    length, refs = len(key), (*key, *beside)
    readers: list[Callable[[Any], Any]] = []

    def key_of(event: Any) -> Key | None:
        if not readers:
            readers.extend(compile_values(refs))
        values = tuple([read(event) for read in readers])
        if PENDING in values:
            values = tuple(map(_later, refs, values, [event] * len(refs)))
        return None if None in values[:length] else of + values

    return key_of


def _later(ref: FieldRef, value: Any, event: Any) -> Any:
    """Return *value*, or how it is asked for again, without the event."""
    if value is not PENDING or not isinstance(ref.field, LookupField):
        return value
    known = ref.field.key_of(event)
    return None if known is None else _Asked(ref.field, known, ref.arg)
