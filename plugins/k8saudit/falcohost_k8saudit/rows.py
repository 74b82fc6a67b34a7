"""Constructors for the kinds of fields that this plugin has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost.jsonlog import text_getter, value_getter
from falcohost_k8saudit.values import texts

#: Returns a field's value from the value at its path and the field's argument.
Read = Callable[[Any, Any], Any]


def text_at(name: str, path: str, description: str) -> Field:
    """Return a field with the value at *path*."""
    return Field(name=name, type=FieldType.CHARBUF, description=description, get=text_getter(path), reads=(path,))


def list_at(name: str, path: str, description: str) -> Field:
    """Return a field with the elements of the array at *path*."""
    return read_at(name, path, description, _elements, is_list=True)


def read_at(
    name: str,
    path: str,
    description: str,
    read: Read,
    *,
    arg: ArgKind = ArgKind.NONE,
    is_list: bool = False,
) -> Field:
    """Return a field that *read* makes of what is at *path*; a KEY is required, an INDEX is optional."""
    return Field(
        name=name,
        type=FieldType.CHARBUF,
        description=description,
        get=value_getter(path, read),
        reads=(path,),
        arg=arg,
        arg_required=arg is ArgKind.KEY,
        is_list=is_list,
    )


def _elements(value: Any, arg: Arg) -> tuple[str, ...] | None:
    return texts(value) if isinstance(value, list) else None
