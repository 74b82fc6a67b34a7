"""Tests a plugin's settings: they come from its block and its keys in the configuration."""

import os

import pytest

from falcohost import ConfigError, ConfigKey, DriverSpec, PluginError, SourceSpec, StandsFor, hookimpl
from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.host.plugins import Candidate, gather
from falcohost.host.settings import source_settings
from falcohost.host.sources import opened, select_sources

CONFIG = """
plugins:
  - {name: fruit, init_config: {colour: red}, open_params: "x"}
  - {name: falco-fruit, init_config: '{"size": 3}'}
  - {name: other, init_config: {colour: blue}}
orchard: {trees: 0x10, driver: ladder, rows: {names: a}}
"""
KEYS = (
    ConfigKey(key="orchard.trees", type=int, check=lambda trees: "no trees" if trees == 0 else None),
    ConfigKey(key="orchard.ripe", type=bool, default=True),
    ConfigKey(key="orchard.ripeness", type=float, default=0.5),
    ConfigKey(key="orchard.kind", type=str, default="apple", choices=("apple", "pear")),
    ConfigKey(key="orchard.driver", type=str, default="none", choices=("none",)),
    ConfigKey(key="orchard.rows.names", type=list, default=()),
    ConfigKey(key="orchard.rows.lengths", type=object),
    ConfigKey(key="orchard.pin", type=int, secret=True),
)


class Fruit:
    """A plugin with a source, in the place of a Falco plugin."""

    def __init__(self, *keys):
        self.keys = keys

    @hookimpl
    def falcohost_config_keys(self):
        """Bring keys."""
        return self.keys

    @hookimpl
    def falcohost_sources(self, settings):
        """Offer the source."""
        off = "no tree, no apples" if settings.get("orchard", {}).get("trees") == 1 else None
        return [SourceSpec(name="apples", description="D.", make=None, off=lambda settings: off)]

    @hookimpl
    def falcohost_stands_for(self):
        """Stand in for one."""
        return [StandsFor(name="falco-fruit", version="1.0.0")]


class Ladder:
    """A plugin with a driver for the other one's source."""

    @hookimpl
    def falcohost_drivers(self):
        """Offer the driver."""
        return [DriverSpec(name="ladder", description="D.", chosen_by="orchard.driver", make=None)]


def plugins(*candidates, config=CONFIG):
    """Return the plugins, with what *config* says to them."""
    return gather(candidates, parse(read_text(config, "test")).for_plugins)


def test_own_settings():
    """A plugin has its own init_config and open_params, and those of what it stands for under that name."""
    found = plugins(Candidate("fruit", Fruit()))
    expected = {"colour": "red", "open_params": "x", "falco-fruit": {"size": 3}}

    assert expected == found.loaded[0].settings
    assert expected | {"agent_pid": os.getpid()} == source_settings(found)["apples"]


def test_own_keys():
    """The values of a plugin's keys stand at their paths, typed; what is not there has its default."""
    found = plugins(Candidate("fruit", Fruit(*KEYS)), Candidate("ladder", Ladder())).loaded[0].settings

    assert found["orchard"] == {
        "trees": 16,
        "ripe": True,
        "ripeness": 0.5,
        "kind": "apple",
        "driver": "ladder",
        "rows": {"names": ["a"], "lengths": None},
        "pin": None,
    }
    assert ["ladder"] == list(found["drivers"])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("trees: many", "test:1:18: orchard.trees has to be a whole number, not 'many'"),
        ("trees: 0", "test:1:18: no trees"),
        ("ripe: 1", "test:1:17: orchard.ripe has to be true or false, not '1'"),
        ("ripeness: x", "test:1:21: orchard.ripeness has to be a number, not 'x'"),
        ("kind: aple", "test:1:17: orchard.kind has to be one of apple, pear, not 'aple'; did you mean apple?"),
        ("driver: ladder", "test:1:19: orchard.driver has to be one of none, not 'ladder'"),
        ("rows: 1", "test:1:17: orchard.rows has to be a mapping (key: value)"),
        ("rows: {names: {a: 1}}", "test:1:25: orchard.rows.names has to be a list of strings"),
        ("kind: [apple]", "test:1:17: orchard.kind has to be a single value"),
        ("pin: abcd", "test:1:16: orchard.pin has to be a whole number"),
    ],
)
def test_wrong_values(text, error):
    """A value that cannot be is told with its place, a secret one without the value."""
    with pytest.raises(ConfigError) as caught:
        plugins(Candidate("fruit", Fruit(*KEYS)), config=f"orchard: {{{text}}}")

    assert error == str(caught.value)


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("orchard.trees", "the plugins 'one' and 'two' both offer the configuration key 'orchard.trees'"),
        (
            "orchard.trees.age",
            "'one' and 'two' both offer the configuration key 'orchard.trees', which excludes 'orchard.t",
        ),
        (
            "orchard",
            "'one' and 'two' both offer the configuration key 'orchard.trees', which excludes 'orchard'",
        ),
        ("fruit_output.x", "'two' offers the configuration key 'fruit_output.x', but such blocks belong to outputs"),
        ("priority", "the plugin 'two' offers the configuration key 'priority', a key of falcohost's own"),
        ("falcohost", "'two' offers the configuration key 'falcohost.cache', which excludes 'falcohost', a key of"),
    ],
)
def test_keys_that_clash(key, error):
    """Two plugins with one key, or with keys of which one is below the other, are refused, both named."""
    other = Fruit(ConfigKey(key=key, type=int))

    with pytest.raises(PluginError, match=error):
        plugins(Candidate("one", Fruit(KEYS[0])), Candidate("two", other))


def test_drivers_that_clash():
    """Two plugins with one driver are refused, both named."""
    with pytest.raises(PluginError, match="the plugins 'one' and 'two' both offer the driver 'ladder'"):
        plugins(Candidate("one", Ladder()), Candidate("two", Ladder()))


def test_a_source_that_settings_keep_closed(caplog):
    """A source whose plugin says that it is off is not opened, and the log has its sentence."""
    fruit = Candidate("fruit", Fruit(*KEYS))

    assert ["apples"] == opened(["apples"], plugins(fruit, config=""))
    assert [] == opened(["apples"], plugins(fruit, config="orchard: {trees: 1}"))
    assert ["no tree, no apples"] == caplog.messages


@pytest.mark.parametrize(
    ("enable", "disable", "selected"),
    [((), (), ["a", "b", "c"]), (("c", "a"), (), ["a", "c"]), ((), ("a",), ["b", "c"])],
)
def test_selection_of_sources(enable, disable, selected):
    """Without flags all sources; with --enable-source only those; with --disable-source all others."""
    assert select_sources(["a", "b", "c"], enable, disable) == selected
