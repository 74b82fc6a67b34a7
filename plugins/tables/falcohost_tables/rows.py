"""Rows, and the messages between the lookup and the process that has the tables."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

#: Most bytes of a key, and most characters of a value, a list's members together.
MOST_KEY: Final = 4096
MOST_TEXT: Final = 4096

#: A value; None is absent.
Value: TypeAlias = str | int | bool | tuple[str, ...] | None

#: The key that was found, then the values of the columns in their order.
Row: TypeAlias = tuple[Value, ...]


class Question(Struct, array_like=True, frozen=True):
    """Asks *table* for the row of *key*; without a table, for the next state that is not the number *seen*."""

    table: Annotated[str, Meta(max_length=256)]
    key: Annotated[bytes, Meta(max_length=MOST_KEY)] = b""
    seen: int = -1


class State(Struct, array_like=True, frozen=True):
    """What is known of a table: how often it was taken over, and what is wrong with it now (empty: nothing)."""

    taken: int
    problem: str


class Answer(Struct, array_like=True, frozen=True):
    """The answer to a question.

    :ivar row: None: the table has none.
    :ivar known: there is a table; otherwise nobody knows.
    :ivar number: of the state; *states*: by table, where a question was about that.
    """

    table: str
    key: bytes
    row: Row | None = None
    known: bool = True
    number: int = -1
    states: dict[str, State] = {}
