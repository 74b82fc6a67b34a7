"""The task that a worker makes of its data: whether the plugin still is what it was when the settings were read."""

import json
import os
import sys
import types

import pytest
from msgspec import structs

from falcohost import Batch, PluginError, SourceSpec, hookimpl
from falcohost.engine.ruleset import Ruleset
from falcohost.host.encoded_rules import encode_rules
from falcohost.host.plugins import PluginData, load_data
from falcohost.host.task import make_load_task, make_task
from falcohost.host.worker_data import Loading, WorkerData, seal, unseal_for_loader
from falcohost.pipeline.settings import PipelineConfig


@pytest.fixture
def module(monkeypatch):
    """Return an importable module with a plugin that offers the sources that its settings name."""

    class Plugin:
        @hookimpl
        def falcohost_sources(self, settings):
            """Return the sources."""
            return [SourceSpec(name=name, description="A.", make=Batch) for name in settings["names"]]

    module = types.ModuleType("plugin_of_a_task")
    module.inside = types.SimpleNamespace(plugin=Plugin())
    monkeypatch.setitem(sys.modules, "plugin_of_a_task", module)
    return module


def data(names, entry="plugin_of_a_task:inside.plugin"):
    """Return the data of the worker of the source ``one``, whose plugin has these settings."""
    plugin = PluginData("fruit", entry, "dist", "1", json.dumps({"names": names}).encode())
    rules = encode_rules(Ruleset(()), "one")
    return WorkerData(
        source="one",
        only_log=False,
        loads=False,
        helpers=[],
        plugins=[plugin],
        environment={},
        programs=(),
        static={},
        rules=rules,
        asked=b"",
        first=True,
        pipeline=PipelineConfig(),
        hostname="host",
        iso8601=False,
        base64=False,
    )


def test_only_what_is_wanted_is_asked_for(module):
    """Hooks for what a process does not need are not called in it; its sources are there all the same."""

    def rules(self):
        raise AssertionError("nobody reads rules here")

    type(module.inside.plugin).falcohost_rules = hookimpl(rules, specname="falcohost_rules")

    with pytest.raises(PluginError, match="nobody reads rules here"):
        load_data(data(["one"]).plugins, {})
    few = load_data(data(["one"]).plugins, {}, ("fields",))
    assert ["one"] == [*few.sources()]
    assert () == few.loaded[0].rules


def load_task(loading):
    """Return the task of a loader of the source ``one``, whose plugin cannot be imported."""
    given = data(["one"], "no_such_module_at_all")
    descriptor = seal(structs.replace(given, loading=loading))
    try:
        return make_load_task(unseal_for_loader(descriptor), 42)
    finally:
        os.close(descriptor)


def test_a_loader_begins_with_a_function(module):
    """A loader that knows its function, capabilities and settings asks no plugin; another one does."""
    module.prepare = lambda settings: ("prepared", settings)

    task = load_task(Loading("plugin_of_a_task:prepare", ["CAP_BPF"], b'{"names": ["one"]}'))

    assert ("prepared", {"names": ["one"], "agent_pid": 42}) == task.load()
    assert {"CAP_BPF"} == task.capabilities
    with pytest.raises(PluginError, match="plugin 'fruit' cannot be loaded"):
        load_task(None)


def test_the_function_of_a_loader_is_gone(module):
    """A function that is not there any more is named, and what to do."""
    with pytest.raises(PluginError, match=r"plugin_of_a_task:gone cannot be called: .* restart the agent"):
        load_task(Loading("plugin_of_a_task:gone", [], b"{}"))


def test_the_plugin_is_loaded_with_its_settings(module):
    """The source gets the settings, and the id of the process that writes the alerts."""
    task = make_task(data(["one", "two"]), 42)

    assert "one" == task.spec.name
    assert {"names": ["one", "two"], "agent_pid": 42} == task.settings


def test_a_plugin_that_answers_otherwise(module):
    """That its source is gone is told in words, and what the rule is."""
    with pytest.raises(PluginError, match="no plugin offers the source 'one' in its worker"):
        make_task(data(["two"]), 42)


@pytest.mark.parametrize("entry", ["plugin_of_a_task:gone", "no_such_module_at_all"])
def test_a_plugin_that_is_gone(module, entry):
    """A plugin that was changed on disk since the start is named, and what to do."""
    with pytest.raises(PluginError, match="plugin 'fruit' cannot be loaded: "):
        make_task(data([], entry), 42)
