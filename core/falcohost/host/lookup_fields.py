"""Binds the fields of lookups to the sources that they extend."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ir import FieldRef
from falcohost.engine.lookup_fields import LookupField, added, by_argument, filling
from falcohost.errors import PluginError
from falcohost.fields import Field
from falcohost.lookups import Beside
from falcohost.pipeline.lookups import LoadedLookup

#: Attributes that a field of events may have and a field of rows may not.
OF_EVENTS = ("path", "reads", "json", "shown", "variant")


def with_lookups(source: str, own: Sequence[Field], lookups: Iterable[LoadedLookup]) -> tuple[Field, ...]:
    """Return the fields of *source*: its *own* and those of *lookups*.

    :raises PluginError: a lookup's key or field does not fit the source, or two lookups add the same field.
    """
    lookups = [lookup for lookup in lookups if lookup.spec.is_for(source)]
    if not lookups:
        return tuple(own)
    catalog, everything = Catalog(source, own), _Later(source)
    known = {one.name: one for one in catalog.fields}
    fields = dict(known)
    owners: dict[str, str] = {}
    for lookup in lookups:
        if lookup.spec.by_argument:
            found = _by_argument(lookup, known, everything)
        else:
            key = [_field_of(lookup, catalog, text) for text in lookup.spec.key[source]]
            found = _fields_of(lookup, catalog, known, key)
        for made in found:
            if made.name in owners:
                both = f"'{owners[made.name]}' and '{lookup.name}'"
                raise PluginError(f"the lookups {both} both add the field '{made.name}' of '{source}'")
            owners[made.name], fields[made.name] = lookup.name, made
    everything.fields = tuple(fields.values())
    return everything.fields


class _Later:
    """Resolves the names of all fields of *source*, those of lookups included, once all are there."""

    def __init__(self, source: str) -> None:
        self.fields: tuple[Field, ...] = ()
        self._source = source

    @functools.cached_property
    def _catalog(self) -> Catalog:
        return Catalog(self._source, self.fields)

    def resolve(self, text: str) -> FieldRef:
        """Return the field that *text* names, with its argument if it has one.

        :raises TypeCheckError: there is none.
        """
        name, bracket, rest = text.partition("[")
        return self._catalog.resolve(name, rest.removesuffix("]").strip("\"'") if bracket else None)


def _by_argument(lookup: LoadedLookup, own: Mapping[str, Field], everything: _Later) -> Iterator[Field]:
    for row in lookup.spec.fields:
        if row.name in own:
            raise _refused(lookup, row.name, "the source already has it")
        yield by_argument(_fit(lookup, row, OF_EVENTS), lookup, everything.resolve)


def _fields_of(
    lookup: LoadedLookup, catalog: Catalog, own: Mapping[str, Field], key: Sequence[FieldRef]
) -> Iterator[LookupField]:
    for row in lookup.spec.fields:
        if row.name in own:
            raise _refused(lookup, row.name, "the source already has it: list it in 'fills' instead")
        yield added(_fit(lookup, row, OF_EVENTS), lookup, key)
    for name, read in lookup.spec.fills.items():
        if name not in own or name.startswith("evt."):
            raise _refused(lookup, name, "the source has no such field to fill")
        beside = [_field_of(lookup, catalog, text, name) for text in read.fields] if isinstance(read, Beside) else ()
        yield filling(_fit(lookup, own[name], ("json", "shown", "variant")), lookup, key, read, beside)


def _fit(lookup: LoadedLookup, row: Field, never: Sequence[str]) -> Field:
    for attribute in never:
        if getattr(row, attribute):
            raise _refused(lookup, row.name, f"has '{attribute}', which does not apply to rows")
    return row


def _field_of(lookup: LoadedLookup, catalog: Catalog, text: str, beside: str = "") -> FieldRef:
    name, bracket, rest = text.partition("[")
    try:
        return catalog.resolve(name, rest.removesuffix("]") if bracket else None)
    except TypeCheckError as error:
        if beside:
            raise _refused(lookup, beside, str(error)) from error
        raise PluginError(f"lookup '{lookup.name}': its key for '{catalog.source}': {error}") from error


def _refused(lookup: LoadedLookup, name: str, why: str) -> PluginError:
    return PluginError(f"lookup '{lookup.name}': field '{name}': {why}")
