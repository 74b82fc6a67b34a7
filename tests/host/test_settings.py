"""What a source is told comes out of the right blocks of the configuration."""

import pytest

from falcohost import SourceSpec, StandsFor, hookimpl
from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.host.plugins import Plugins, ask
from falcohost.host.settings import source_settings
from falcohost.host.sources import select_sources

CONFIG = """
plugins:
  - {name: fruit, init_config: {colour: red}, open_params: "x"}
  - {name: falco-fruit, init_config: '{"size": 3}'}
  - {name: other, init_config: {colour: blue}}
engine: {kind: modern_ebpf, modern_ebpf: {buf_size_preset: 5}}
"""


class Fruit:
    """A plugin with a source, in the place of a Falco plugin."""

    @hookimpl
    def falcohost_sources(self):
        """Offer the source."""
        return [SourceSpec(name="apples", description="D.", make=None)]

    @hookimpl
    def falcohost_stands_for(self):
        """Stand in for one."""
        return [StandsFor(name="falco-fruit", version="1.0.0")]


def settings(name):
    """Return the settings of the source when its plugin has this name."""
    plugins = Plugins((ask(name, Fruit(), "d", "1"),))
    return source_settings(parse(read_text(CONFIG, "test")), plugins)["apples"]


def test_own_settings():
    """A plugin has its own init_config and open_params, and those of what it stands for under that name."""
    assert settings("fruit") == {"colour": "red", "open_params": "x", "falco-fruit": {"size": 3}}


def test_the_syscall_plugin_has_the_engine():
    """The plugin that watches system calls is told of Falco's engine."""
    found = settings("syscall")

    assert found["engine"] == {"kind": "modern_ebpf", "modern_ebpf": {"buf_size_preset": 5}}
    assert {"base_syscalls", "falcohost"} <= set(found)


@pytest.mark.parametrize(
    ("enable", "disable", "selected"),
    [((), (), ["a", "b", "c"]), (("c", "a"), (), ["a", "c"]), ((), ("a",), ["b", "c"])],
)
def test_selection_of_sources(enable, disable, selected):
    """Without flags all sources; with --enable-source only those; with --disable-source all others."""
    assert select_sources(["a", "b", "c"], enable, disable) == selected
