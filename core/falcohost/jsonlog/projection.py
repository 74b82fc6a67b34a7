"""Decodes only the fields that rules read.

The result is a plain object, so a getter works as on the whole record, as long as it reads only the paths that its
field declares in ``path`` or ``reads``. If a record has another type where the conditions expect an object, the decoder
raises
:class:`msgspec.ValidationError`; such a record is rare, and is decoded completely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, TypedDict

import msgspec

from falcohost.engine import ir
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.ir import Expr, FieldRef
from falcohost.engine.lookup_fields import LookupField
from falcohost.engine.paths import path_keys
from falcohost.engine.static_fields import is_static
from falcohost.jsonlog.fields import pointer_steps
from falcohost.jsonlog.log import JsonLog, Record

#: The keys to decode, with the keys below each; None: everything below it.
Tree: TypeAlias = "dict[str, Tree | None]"

#: Decodes one record.
DecodeOne: TypeAlias = Callable[[bytes | memoryview], Record]

#: Fields that do not read the record.
_OF_THE_EVENT = {field.name for field in GENERIC_FIELDS} - {"evt.plugininfo"} | {"json.rawtime", "jevt.rawtime"}

_POINTERS = ("json.value", "jevt.value")


class Projection:
    """Decodes the parts of records that are in *tree*; None: whole records.

    :param about: what alerts read of a record besides the fields of their output; None: the whole record.
    :param about_apart: it is not in *tree*.
    :param heads: types of members of usual records, by how a record begins.
    :ivar is_whole: whole records are decoded.
    :ivar tree: the same.
    :ivar one: decodes one record.
    :ivar usual: decode a record that begins so, and raise :class:`msgspec.ValidationError` if it is not usual.
    """

    def __init__(
        self,
        tree: Tree | None,
        wrappers: tuple[str, ...] = (),
        about: tuple[str, ...] | None = None,
        *,
        about_apart: bool = False,
        heads: Mapping[bytes, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self.is_whole = tree is None
        self._about_apart = about_apart
        self.tree = tree
        self._about = about
        self._known: dict[int, tuple[tuple[FieldRef, ...], bool]] = {}
        self._again: dict[int, tuple[tuple[FieldRef, ...], DecodeOne | None]] = {}
        kinds = dict(_kinds(tree or {}))
        inner: Any = dict[str, Any] if tree is None else _object(kinds)
        outer: Any = inner if tree is None else _object({**kinds, **dict.fromkeys(wrappers, list[inner])})
        self.one: DecodeOne = msgspec.json.Decoder(inner).decode
        self.usual: dict[bytes, DecodeOne] = {
            head: msgspec.json.Decoder(_object({**kinds, **usual})).decode
            for head, usual in heads.items()
            if tree is not None
        }
        self._array: Callable[[bytes], list[Record]] = msgspec.json.Decoder(list[outer]).decode
        self._values: Callable[[bytes], list[Record]] = msgspec.json.Decoder(outer).decode_lines
        self._wrappers = wrappers
        # Of whole records, only the last of several members with one name is seen, which is not how they are split.
        wrapping: Any = _object(dict.fromkeys(wrappers, list[msgspec.Raw]))
        self._check: Callable[[bytes], object] | None = None
        if tree is None and wrappers:
            self._check = msgspec.json.Decoder(wrapping | list[wrapping]).decode_lines

    def all(self, text: bytes) -> list[Record]:
        """Decode all records of *text*, in the order of :class:`~falcohost.jsonlog.split.Cutter`.

        :raises msgspec.ValidationError: something else is where an object is expected.
        :raises msgspec.DecodeError: it is not JSON, or is an array followed by something else.
        """
        records = self._array(text) if text[:1] == b"[" else self._values(text)
        for key in self._wrappers:
            if any(key in record for record in records):
                if self._check is not None:
                    self._check(text)
                return [inner for record in records for inner in self._unwrapped(record)]
        return records

    def covers(self, fields: tuple[FieldRef, ...]) -> bool:
        """Return whether what it decodes has all that alerts read with *fields*; it remembers that of a tuple."""
        known = self._known.get(id(fields))
        if known is None:  # the tuple is kept, so that no other one gets its id
            known = self._known[id(fields)] = fields, self._has(fields)
        return known[1]

    def _has(self, fields: tuple[FieldRef, ...]) -> bool:
        if self.tree is None:
            return True
        return not self._about_apart and all(_is_in(self.tree, ref) for ref in fields)

    def again(self, fields: tuple[FieldRef, ...]) -> DecodeOne | None:
        """Return what decodes a record for an alert whose output reads *fields*; None: it reads the whole record."""
        known = self._again.get(id(fields))
        if known is None:
            known = self._again[id(fields)] = fields, self._for_alert(fields)
        return known[1]

    def _for_alert(self, fields: tuple[FieldRef, ...]) -> DecodeOne | None:
        if self.tree is None or self._about is None:
            return None
        tree = _copy(self.tree)
        for ref in fields:
            paths = None if isinstance(ref.field, LookupField) else reads(ref)
            if paths is None or not (ref.field.json is None and ref.field.shown is None):
                return None
            for keys in paths:
                _add(tree, keys)
        for path in self._about:
            _add(tree, path_keys(path))
        return Projection(tree).one

    def _unwrapped(self, record: Record) -> list[Record]:
        for key in self._wrappers:
            items = record.get(key)
            if isinstance(items, list):
                if self.is_whole and not all(isinstance(item, dict) for item in items):
                    raise msgspec.ValidationError(f"an element of {key} is not an object")
                return items
        return [record]


def make_projection(log: JsonLog, condition: Expr | None, also: Iterable[FieldRef] = ()) -> Projection:
    """Return the decoder for the fields that *condition* and *also* read; for whole records if they are not known."""
    paths = None if condition is None else _all_reads((*ir.fields(condition), *also))
    if paths is None or log.time_paths is None:
        return Projection(None, log.wrappers)
    tree = paths_tree([*log.skip_reads, *log.time_paths, *(() if log.about_apart else log.about_reads or ())])
    for keys in paths:
        _add(tree, keys)
    return Projection(tree, log.wrappers, log.about_reads, about_apart=log.about_apart, heads=log.heads)


def _all_reads(refs: Iterable[FieldRef]) -> list[tuple[str, ...]] | None:
    found: list[tuple[str, ...]] = []
    for ref in refs:
        paths = reads(ref)
        if paths is None:
            return None
        found += paths
    return found


def paths_tree(paths: Iterable[str]) -> Tree:
    """Return the tree of *paths*."""
    tree: Tree = {}
    for path in paths:
        _add(tree, path_keys(path))
    return tree


def reads(ref: FieldRef) -> list[tuple[str, ...]] | None:
    """Return the paths that *ref* reads; None if it reads the whole record."""
    field = ref.field
    if field.name in _OF_THE_EVENT or is_static(field):
        return []
    if field.name in _POINTERS:
        return _pointer_reads(str(ref.arg))
    paths = field.reads or ((field.path,) if field.path is not None else ())
    return [path_keys(path) for path in paths] or None


def _is_in(tree: Tree, ref: FieldRef) -> bool:
    """Return whether *tree* has what outputs show of *ref*."""
    paths = None if isinstance(ref.field, LookupField) else reads(ref)
    if not paths:
        return paths is not None
    # What is shown instead of the value may come from elsewhere.
    return ref.field.json is None and ref.field.shown is None and all(_has(tree, keys) for keys in paths)


def _has(tree: Tree, keys: tuple[str, ...]) -> bool:
    below: Tree | None = tree
    for key in keys:
        if below is None:
            return True
        if key not in below:
            return False
        below = below[key]
    return below is None


def _pointer_reads(pointer: str) -> list[tuple[str, ...]] | None:
    """Return the path before the first number, which may be an index or a key."""
    keys: list[str] = []
    for step in pointer_steps(pointer):
        if step.isascii() and step.isdigit():
            break
        keys.append(step)
    return [tuple(keys)] if keys else None


def _add(tree: Tree, keys: tuple[str, ...]) -> None:
    *way, last = keys
    for key in way:
        below = tree.setdefault(key, {})
        if below is None:
            return
        tree = below
    tree[last] = None


def _copy(tree: Tree) -> Tree:
    return {key: below if below is None else _copy(below) for key, below in tree.items()}


def _kinds(tree: Tree) -> Iterator[tuple[str, Any]]:
    for key, below in tree.items():
        yield key, Any if below is None else _object(dict(_kinds(below))) | None


def _object(kinds: dict[str, Any]) -> Any:
    return TypedDict("Projected", kinds, total=False)  # type: ignore[operator]
