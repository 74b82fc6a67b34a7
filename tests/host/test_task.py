"""The task that a worker makes of its data: whether the plugin still is what it was when the settings were read."""

import json
import os
import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import pytest
from msgspec import structs

from falcohost import Batch, PluginError, SourceSpec, hookimpl
from falcohost.by_name import called_by_name
from falcohost.engine.ruleset import Ruleset
from falcohost.host.encoded_rules import encode_rules
from falcohost.host.plugins import PluginData, load_data
from falcohost.host.task import limit_environment, make_load_task, make_task
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
    entries = ("plugin_of_a_task:inside.plugin", "plugin_of_a_task:gone", "no_such_module_at_all")
    found = {"fruit": [EntryPoint("fruit", one, "falcohost.plugins") for one in entries]}
    monkeypatch.setattr("falcohost.host.plugins.found.installed", lambda: found)
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
    module.prepare = called_by_name("load", capabilities=frozenset({"CAP_BPF"}))(lambda given: ("prepared", given))

    task = load_task(Loading("plugin_of_a_task:prepare", ["CAP_BPF"], b'{"names": ["one"]}'))

    assert ("prepared", {"names": ["one"], "agent_pid": 42}) == task.load()
    assert {"CAP_BPF"} == task.capabilities
    with pytest.raises(PluginError, match="plugin 'fruit' cannot be loaded"):
        load_task(None)


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("subprocess:call", []),
        ("plugin_of_a_task:call", []),
        ("plugin_of_a_task:serve", []),
        ("plugin_of_a_task:prepare", ["CAP_SYS_ADMIN"]),
        ("falcohost.host.task:load_data", []),
    ],
)
def test_who_reads_the_configuration_cannot_have_a_loader_call_anything(module, name, capabilities, tmp_path):
    """What it names has to be marked for that, in a plugin, and keeps no more capabilities than its mark has."""
    module.call, module.prepare = subprocess.call, called_by_name("load")(lambda given: given)
    module.serve = called_by_name("serve")(lambda given: subprocess.call(given))
    settings = json.dumps({"/bin/sh": 1, "-c": 1, f"touch {tmp_path}/ran": 1}).encode()

    with pytest.raises(PluginError, match=f"{name} may not be called"):
        load_task(Loading(name, capabilities, settings)).load()
    assert [] == [*tmp_path.iterdir()]


def test_who_reads_the_configuration_cannot_have_a_process_import_anything(module, tmp_path):
    """A module that is no installed plugin's is not imported, as some run programs then."""
    given = data(["one"], "a_module_that_runs_something")
    (tmp_path / "a_module_that_runs_something.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(PluginError, match="no installed plugin of this name is at a_module_that_runs_something"):
            make_task(given, 42)
    finally:
        sys.path.remove(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_who_reads_the_configuration_cannot_change_what_libraries_load(module, monkeypatch):
    """Variables that every process has are those of its own start; others are as they were said."""
    monkeypatch.setattr(os, "environ", {"PATH": "/bin"})
    given = {b"PATH": b"/tmp", b"OPENSSL_CONF": b"/tmp/evil.cnf", b"LD_PRELOAD": b"/tmp/evil.so", b"TOKEN": b"a"}

    limit_environment(structs.replace(data(["one"]), environment=given))

    assert {"PATH": "/bin", "TOKEN": "a"} == os.environ


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
