"""Constructors for the kinds of fields that this plugin has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost.jsonlog import ABSENT, lookup
from falcohost_k8saudit.values import text, texts

#: Returns a field's value from the value at its path and the field's argument.
Read = Callable[[Any, Any], Any]


def text_at(name: str, path: str, description: str) -> Field:
    """Return a field with the value at *path*."""
    find = lookup(path)

    def get(event: Any, arg: Arg) -> str | None:
        value = find(event.record)
        return value if value.__class__ is str else text(value)  # without a call for most values

    def get_member(event: Any, arg: Arg) -> str | None:
        value = event.record.get(path, ABSENT)
        return value if value.__class__ is str else text(value)

    first, _, last = path.partition(".")

    def get_two(event: Any, arg: Arg) -> str | None:
        value = event.record.get(first)
        value = value.get(last, ABSENT) if value.__class__ is dict else ABSENT
        return value if value.__class__ is str else text(value)

    getter = get_member if path.isidentifier() else get_two if first.isidentifier() and last.isidentifier() else get
    return Field(name=name, type=FieldType.CHARBUF, description=description, get=getter, reads=(path,))


def list_at(name: str, path: str, description: str) -> Field:
    """Return a field with the elements of the array at *path*."""
    find = lookup(path)

    def get(event: Any, arg: Arg) -> tuple[str, ...] | None:
        value = find(event.record)
        return texts(value) if isinstance(value, list) else None

    return Field(name=name, type=FieldType.CHARBUF, description=description, get=get, reads=(path,), is_list=True)


def read_at(
    name: str,
    path: str,
    description: str,
    read: Read,
    *,
    arg: ArgKind = ArgKind.NONE,
    is_list: bool = False,
) -> Field:
    """Return a field that *read* computes from the value at *path*; a KEY is required, an INDEX is optional."""
    find = lookup(path)
    return Field(
        name=name,
        type=FieldType.CHARBUF,
        description=description,
        get=lambda event, given: read(find(event.record), given),
        reads=(path,),
        arg=arg,
        arg_required=arg is ArgKind.KEY,
        is_list=is_list,
    )
