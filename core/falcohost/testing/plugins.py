"""The contract of a plugin as a whole, as tests: its hooks exist, its fields are documented, its rules load."""

from __future__ import annotations

import inspect
from collections import Counter
from typing import Any

import pluggy

from falcohost import hookspecs
from falcohost.fields import Field
from falcohost.testing.sentences import is_sentence


class PluginContract:
    """Subclass it and set :attr:`plugin`; with fields for another plugin's sources, set :attr:`sources` too.

    :ivar plugin: the plugin's module.
    :ivar sources: names of sources of other plugins that this one adds fields to or ships rules for.
    """

    plugin: Any
    sources: tuple[str, ...] = ()

    def test_implements_hooks_that_exist(self) -> None:
        """Each hook of the plugin is one of falcohost's, with arguments that it has."""
        manager = pluggy.PluginManager("falcohost")
        manager.add_hookspecs(hookspecs)

        manager.register(self.plugin)
        manager.check_pending()

    def test_hooks_begin_with_the_mark(self) -> None:
        """A function called ``falcohost_…`` is marked with ``hookimpl``; without the mark it would never be called."""
        named = [name for name, _ in inspect.getmembers(self.plugin, callable) if name.startswith("falcohost_")]

        assert named
        assert [name for name in named if not hasattr(getattr(self.plugin, name), "falcohost_impl")] == []

    def test_field_names_are_unique(self) -> None:
        """No field is declared twice for a source."""
        for source, fields in self._fields().items():
            twice = [name for name, count in Counter(field.name for field in fields).items() if count > 1]

            assert twice == [], f"declared twice for {source}"

    def test_fields_say_what_they_are(self) -> None:
        """A field's description begins with a capital or a digit, ends with a full stop, and a value can be found."""
        for field in (field for fields in self._fields().values() for field in fields):
            assert is_sentence(field.description), f"{field.name}: {field.description}"
            assert (field.get is None) != (field.path is None), f"{field.name}: either get or path"

    def _fields(self) -> dict[str, list[Field]]:
        if not hasattr(self.plugin, "falcohost_fields"):
            return {}
        own = self.plugin.falcohost_sources() if hasattr(self.plugin, "falcohost_sources") else ()
        names = [spec.name for spec in own] + list(self.sources)
        return {name: list(self.plugin.falcohost_fields(source=name) or ()) for name in names}
