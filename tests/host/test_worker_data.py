"""What a worker gets: its source's settings, and those of the plugins that add to it, and of no other."""

import json
import os
from types import SimpleNamespace

import pytest

from falcohost import ConfigError, Field, FieldType, SourceSpec, hookimpl
from falcohost.by_name import called_by_name
from falcohost.helpers import HelperSpec
from falcohost.host.assigning import modules_of
from falcohost.host.config.for_plugins import ForPlugins
from falcohost.host.functions import function, name_of
from falcohost.host.plugins import Candidate, Plugin, gather, plugin_data
from falcohost.host.worker_data import (
    Beginning,
    Loading,
    WorkerData,
    as_bytes,
    as_texts,
    loading_for,
    peek,
    plugins_for,
    seal,
    unseal,
)
from falcohost.lookups import LookupSpec
from falcohost.pipeline.settings import PipelineConfig
from falcohost.specs import ConfigKey, DriverSpec


def field(name):
    """Return a field."""
    return Field(name=name, type=FieldType.UINT64, description="A number.", get=lambda event: 1)


@called_by_name("load", capabilities=frozenset({"CAP_BPF"}))
def load(settings):
    """Return nothing."""


def source(name, **more):
    """Return a source."""
    return SourceSpec(name=name, description="A source.", make=lambda settings: None, **more)


class Fruit:
    """A plugin with two sources, one of which needs only a part of the settings, and a key that selects a driver."""

    @hookimpl
    def falcohost_config_keys(self):
        """Return the key."""
        return [ConfigKey(key="fruit.kind", type=str, default="red")]

    @hookimpl
    def falcohost_sources(self):
        """Return the sources."""
        return [source("apple", load=load), source("pear", settings=lambda settings: {"pear": settings["pear"]})]

    @hookimpl
    def falcohost_fields(self, source):
        """Return a field."""
        return [field("fruit.size")] if source in ("apple", "pear") else None


class More:
    """A plugin with a field for one of these sources."""

    @hookimpl
    def falcohost_fields(self, source):
        """Return the field."""
        return [field("more.x")] if source == "apple" else None


class Who:
    """A plugin with a lookup for the other source."""

    @hookimpl
    def falcohost_lookups(self):
        """Return the lookup."""
        key = {"pear": ["fruit.size"]}
        return [LookupSpec(name="who", description="A lookup.", fields=[], key=key, make=lambda settings: None)]


class Driver:
    """A plugin with a driver."""

    def __init__(self, name):
        self._name = name

    @hookimpl
    def falcohost_drivers(self):
        """Return the driver."""
        return [DriverSpec(name=self._name, description="A driver.", chosen_by="fruit.kind", make=int)]


class Alone:
    """A plugin with a source, and nothing for others."""

    @hookimpl
    def falcohost_sources(self):
        """Return the source."""
        return [source("alone", load=load, load_capabilities=frozenset({"CAP_BPF"}))]


MODULES = {
    "fruit": Fruit(),
    "more": More(),
    "who": Who(),
    "red": Driver("red"),
    "blue": Driver("blue"),
    "alone": Alone(),
}


@pytest.fixture
def plugins(monkeypatch):
    """Return the plugins, each with settings of its own."""
    entries = {name: [SimpleNamespace(value="module")] for name in MODULES}
    monkeypatch.setattr("falcohost.host.plugins.data.installed", lambda: entries)
    told = ForPlugins({name: {"own": f"of {name}", "pear": f"pear of {name}"} for name in MODULES})
    plugins = gather([Candidate(name, module) for name, module in MODULES.items()], told)
    assert not plugins.left_out
    return plugins


@pytest.fixture
def found(plugins):
    """Return a function that returns the settings that the worker of a source gets, by plugin."""
    return lambda source: {one.name: json.loads(one.settings) for one in plugins_for(source, plugins)}


def test_a_worker_gets_what_its_source_needs(found):
    """That is its own plugin, and those with fields, lookups and the chosen driver for it; drivers are not passed."""
    fruit = {"own": "of fruit", "pear": "pear of fruit", "fruit": {"kind": "red"}}

    assert ["fruit", "more", "red"] == list(found("apple"))
    assert fruit == found("apple")["fruit"]
    assert {"alone": {"own": "of alone", "pear": "pear of alone"}} == found("alone")


def test_a_source_may_need_only_a_part_of_its_plugins_settings(found):
    """The plugin says which; other plugins' settings stay whole."""
    assert ["fruit", "who", "red"] == list(found("pear"))
    assert {"pear": "pear of fruit"} == found("pear")["fruit"]
    assert {"own": "of who", "pear": "pear of who"} == found("pear")["who"]


def test_how_a_loader_begins(plugins):
    """With the function and the settings of its source's plugin; not so if another plugin has its driver."""
    alone, apple, pear = (loading_for(one, plugins, plugins_for(one, plugins)) for one in ("alone", "apple", "pear"))

    assert Loading(f"{__name__}:load", ["CAP_BPF"], b'{"own": "of alone", "pear": "pear of alone"}') == alone
    assert apple is None
    assert pear is None


def test_names_of_functions():
    """A function with a mark is found again by its name in another process; a method or a closure has none."""
    name = "falcohost_syscall.drivers.drivers:loader"
    loader = function(name, "load")

    assert name == name_of(loader, "load")
    assert name_of(loader, "serve") is None
    assert name_of(loader, "load", frozenset({"CAP_SYS_ADMIN"})) is None
    assert name_of(json.loads, "load") is None
    assert name_of(called_by_name("load")(lambda settings: settings), "load") is None
    assert name_of(Fruit().falcohost_sources, "load") is None


def test_data_goes_through_a_memfd(found):
    """Settings arrive as they were, whatever YAML can hold; so do variables that are no UTF-8."""
    settings = {"a": None, "b": [1, 2.5, True, "x\udcff"], "c": {"d": 2**64}}
    data = WorkerData(
        source="apple",
        only_log=False,
        loads=False,
        helpers=[HelperSpec(name="worm", serve="worm:eat", calls=frozenset({"inspect"}))],
        plugins=[plugin_data(Plugin(name="fruit", distribution="dist", version="1"), settings)],
        environment=as_bytes({"A": "\udcff"}),
        programs=("A",),
        static={},
        rules=b"rules",
        asked=b"asked",
        first=True,
        pipeline=PipelineConfig(),
        hostname="host",
        iso8601=False,
        base64=True,
    )
    descriptor = seal(data)
    try:
        beginning = peek(descriptor)
        arrived = unseal(descriptor)
    finally:
        os.close(descriptor)

    assert data == arrived
    assert Beginning(data.only_log, data.loads, data.helpers) == beginning
    assert settings == json.loads(arrived.plugins[0].settings)
    assert {"A": "\udcff"} == as_texts(arrived.environment)


def test_a_setting_that_is_no_plain_data(found):
    """It is refused in words."""
    with pytest.raises(ConfigError, match="the settings of the plugin 'fruit' are no plain data: Object of"):
        plugin_data(Plugin(name="fruit", distribution="dist", version="1"), {"a": {1}})


def test_modules_of_lookups(monkeypatch):
    """What a lookup names is imported before the forks where an enabled rule reads its fields."""
    spec = LookupSpec(
        name="who", description="A lookup.", fields=[], key={}, make=lambda settings: None, modules=("who.a", "who.b")
    )
    monkeypatch.setattr(
        "falcohost.host.assigning.lookups_of", lambda rules: [SimpleNamespace(spec=spec) for _ in rules]
    )

    assert ["who.a", "who.b"] == [*modules_of(["a rule"])]
    assert [] == [*modules_of([])]
