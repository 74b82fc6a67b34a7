"""The fields of every event source: generic and static fields, fields of plugins, and fields of lookups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.lookup_fields import LookupField
from falcohost.engine.static_fields import static_fields
from falcohost.fields import Field
from falcohost.host.lookup_fields import with_lookups
from falcohost.host.plugins import Plugins


def all_fields(plugins: Plugins) -> dict[str, tuple[Field, ...]]:
    """Return the fields by event source.

    :raises PluginError: two plugins clash, or a lookup does not fit its source.
    """
    lookups, static = plugins.lookups().values(), static_fields(plugins.static)
    found = {
        source: with_lookups(source, (*GENERIC_FIELDS, *static, *plugins.fields(source)), lookups)
        for source in plugins.sources()
    }
    return {source: tuple(_marked(found[source], spec.absent)) for source, spec in plugins.sources().items()}


def _marked(fields: Iterable[Field], absent: frozenset[str]) -> Iterator[Field]:
    """Yield *fields*, with a mark at those that are *absent* and that no lookup fills."""
    for field in fields:
        yield replace(field, absent=True) if field.name in absent and not isinstance(field, LookupField) else field


def catalogs(plugins: Plugins) -> dict[str, Catalog]:
    """Return the catalog of fields of each event source.

    :raises PluginError: two plugins clash.
    """
    return {source: Catalog(source, fields) for source, fields in all_fields(plugins).items()}


def event_types(plugins: Plugins) -> dict[str, frozenset[str]]:
    """Return all values that ``evt.type`` can have, for the sources that declare them."""
    known = {name: spec.event_types for name, spec in plugins.sources().items()}
    return {name: types for name, types in known.items() if types is not None}


def costly(plugins: Plugins) -> dict[str, Mapping[str, str]]:
    """Return by source what rules cost that name an event type."""
    return {name: spec.costly for name, spec in plugins.sources().items() if spec.costly}
