"""The contract of a plugin as a whole, as tests: its hooks exist, its fields are documented, its rules load."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from falcohost.engine.paths import path_keys
from falcohost.errors import PluginError
from falcohost.fields import Field
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import Candidate, Plugin, Plugins, gather, load_all
from falcohost.host.plugins.found import imported, installed, the_one
from falcohost.rules.codes import WarningCode
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost.rules.people import problem_for_people
from falcohost.testing.firing import requirements_met
from falcohost.testing.sentences import is_sentence


class PluginContract:
    """Subclass it and set :attr:`plugin`; with fields or rules for another plugin's sources, set :attr:`sources` too.

    :ivar plugin: the plugin's module.
    :ivar settings: its configuration, if its offers depend on it.
    :ivar sources: names of sources of other plugins that this one adds fields to or ships rules for.
    """

    plugin: Any
    settings: Mapping[str, Any] = MappingProxyType({})
    sources: tuple[str, ...] = ()

    def test_is_accepted(self) -> None:
        """The plugin is accepted: each hook is one of falcohost's, with arguments that it has, and none raises."""
        self._asked()

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
        """A field's description is one line that ends with a full stop, and the field has a way to its value."""
        for field in (field for fields in self._fields().values() for field in fields):
            assert is_sentence(field.description), f"{field.name}: {field.description}"
            assert (field.get is None) != (field.path is None), f"{field.name}: either get or path"
            assert field.get is not None or not field.reads, f"{field.name}: reads is for get, path is enough alone"
            assert all(path_keys(path) for path in field.reads)

    def test_keys_say_what_they_do(self) -> None:
        """A key of the configuration has a text for the reference, and a default that passes its own check."""
        for key in self._asked().config_keys:
            assert key.help or not key.effect, f"{key.key}: help"
            if key.default is not None:
                kind = {float: (float, int), list: (list, tuple)}.get(key.type, key.type)
                assert isinstance(key.default, kind), f"{key.key}: {key.default!r} is not a {key.type.__name__}"
                assert key.check is None or key.check(key.default) is None, f"{key.key}: its default"

    def test_commands_can_be_made(self) -> None:
        """A command has a line for the help, and the name that the plugin declares."""
        plugin = self._asked()
        for spec in plugin.commands:
            assert is_sentence(spec.help), f"{spec.name}: {spec.help}"
            assert spec.make(plugin.settings).name == spec.name

    def test_rules_load_without_a_warning(self) -> None:
        """The rules that the plugin ships are loaded without an error or a warning."""
        plugins = self._plugins()
        plugin = plugins.loaded[0]
        types = {name: spec.event_types for name, spec in plugins.sources().items() if spec.event_types is not None}
        options = LoadOptions(event_types=types, plugins=requirements_met(plugins))

        outcome = load_rules([read_file(str(path)) for path in plugin.rules], catalogs(plugins), options)

        outcome.check()
        # A macro or list that only a later file uses is reported as unused before that file is loaded.
        unused = (WarningCode.LOAD_UNUSED_MACRO, WarningCode.LOAD_UNUSED_LIST)
        problems = [
            problem
            for result in outcome.results
            for problem in result.warnings
            if result is outcome.results[-1] or problem.code not in unused
        ]
        assert [problem_for_people(problem) for problem in problems] == []

    def _asked(self) -> Plugin:
        return self._plugins().loaded[0]

    def _plugins(self) -> Plugins:
        """Return the plugin, followed by those that offer the other sources it uses.

        :raises PluginError: its hooks are malformed, or one raises.
        """
        plugins = gather([Candidate("tested", self.plugin, settings=self.settings), *self._others()])
        if "tested" in plugins.left_out:
            raise PluginError(plugins.left_out["tested"])
        return plugins

    def _others(self) -> list[Candidate]:
        wanted = set(self.sources)
        offering = [
            p.name
            for p in (load_all(others=True).loaded if wanted else ())
            if wanted & {spec.name for spec in p.sources}
        ]
        known = installed()
        return [imported(the_one(name, known)) for name in offering]

    def _fields(self) -> dict[str, tuple[Field, ...]]:
        asked = self._asked()
        return {**asked.fields, **{f"lookup {one.name}": tuple(one.spec.fields) for one in asked.lookups}}
