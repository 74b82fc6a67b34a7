"""Plugins: found by entry points, imported only if wanted, isolated when they fail, refused when they clash."""

import sys
from pathlib import Path

import pytest

from falcohost import Field, FieldType, PluginError, SourceSpec, hookimpl
from falcohost.host.plugins import Candidate, gather, load_all, load_plugins

GOOD = """
from falcohost import Field, FieldType, OutputSpec, SourceSpec, StandsFor, hookimpl

@hookimpl
def falcohost_sources():
    return [SourceSpec(name="{name}", description="D.", make=None)]

@hookimpl
def falcohost_fields(source):
    if source == "{name}":
        return [Field(name="{name}.x", type=FieldType.CHARBUF, description="X.", get=lambda event, arg: "x")]

@hookimpl
def falcohost_stands_for():
    return [StandsFor(name="falco-{name}", version="1.2.3")]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a distribution with one plugin, as pip would leave it on disk."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(plugin, source, distribution=None):
        distribution = distribution or f"dist-{plugin}"
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[falcohost.plugins]\n{plugin} = {module}\n")
        return module

    yield install
    for name in [name for name in sys.modules if name.startswith("dist_")]:
        del sys.modules[name]


def test_only_what_is_wanted_is_imported(install):
    """A plugin that is installed and not asked for is not imported."""
    install("apple", GOOD.format(name="apple"))
    module = install("pear", GOOD.format(name="pear"))

    plugins = load_plugins(["apple"])

    assert "apple" in plugins.sources()
    assert module not in sys.modules


def test_everything_that_a_plugin_offers(install):
    """A plugin's offers are available, with the Falco plugin it replaces and its own name and version."""
    install("apple", GOOD.format(name="apple"))

    plugins = load_plugins(["apple"])

    assert [field.name for field in plugins.fields("apple")] == ["apple.x"]
    assert plugins.owner("apple").distribution == "dist-apple"
    assert {"apple": "1.0", "falco-apple": "1.2.3"}.items() <= plugins.stands_for().items()


def test_a_plugin_that_is_not_installed():
    """A name that is not installed is an error that says what is."""
    with pytest.raises(PluginError, match=r"no plugin called 'bananas' is installed; installed plugins: .*syscall"):
        load_plugins(["bananas"])


def test_a_misspelt_plugin(install):
    """A name that is close to an installed one is suggested."""
    install("apple", GOOD.format(name="apple"))

    with pytest.raises(PluginError, match=r"no plugin called 'appel' is installed; did you mean apple\?"):
        load_plugins(["appel"])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('broken')", "plugin 'pear' is left out: RuntimeError: broken"),
        (
            "from falcohost import Later",
            "needs what this falcohost does not have: cannot import name 'Later'",
        ),
        (
            "import falcohost.later",
            "needs the Python package 'falcohost.later', which is not installed: install",
        ),
        ("import no_such_thing", "plugin 'pear' needs the Python package 'no_such_thing', which is not installed: pip"),
        (GOOD.format(name="pear").replace("return [Source", "raise ValueError('no') #"), "left out: ValueError: no"),
        (GOOD.format(name="pear").replace("(source)", "(sauce)"), "left out: PluginValidationError:"),
        (
            GOOD.format(name="pear").replace("falcohost_fields", "falcohost_feels"),
            "PluginValidationError: unknown hook",
        ),
        (GOOD.format(name="pear").replace("return [Field", "raise KeyError(1) #"), "left out: KeyError: 1"),
        (
            GOOD.format(name="pear").replace("return [Source", "return ['pear'] #"),
            "has to return SourceSpec objects",
        ),
        (
            "falcohost_api = 2\n" + GOOD.format(name="pear"),
            "it is written for version 2 of the plugin API, but this falcohost has version 1: install",
        ),
        (
            "falcohost_api = 0\n" + GOOD.format(name="pear"),
            "this falcohost has version 1: install a version of dist-pear that is written for version 1",
        ),
        (
            GOOD.format(name="pear").replace(
                "@hookimpl\ndef falcohost_sources", "@hookimpl(wrapper=True)\ndef falcohost_sources"
            ),
            "falcohost_sources is a hook wrapper, and a plugin may not change what other plugins return",
        ),
    ],
)
def test_a_broken_plugin_is_left_out(install, source, reason):
    """A plugin that raises is named with the reason, and the others are loaded."""
    install("apple", GOOD.format(name="apple"))
    install("pear", source)

    plugins = load_plugins(["pear", "apple"])

    assert "apple" in plugins.sources()
    assert list(plugins.left_out) == ["pear"]
    assert reason in plugins.left_out["pear"]


def test_two_distributions_with_one_name(install):
    """Two distributions that claim one plugin's name are refused, both named; a listing leaves that plugin out."""
    install("pear", GOOD.format(name="pear"), "dist-one")
    install("pear", GOOD.format(name="pear"), "dist-two")
    text = "the plugin 'pear' is provided by two distributions, dist-one and dist-two"

    with pytest.raises(PluginError, match=text):
        load_plugins(["pear"])
    assert text in load_all().left_out["pear"]


def test_two_plugins_with_one_source(install):
    """Two plugins that offer one source are refused, both named."""
    install("apple", GOOD.format(name="fruit"))
    install("pear", GOOD.format(name="fruit"))

    with pytest.raises(PluginError, match="the plugins 'apple' and 'pear' both offer the source 'fruit'"):
        load_plugins(["apple", "pear"]).sources()


class Offers:
    """A plugin object with a source and a field of the given names."""

    def __init__(self, source, field):
        self._source, self._field = source, field

    @hookimpl
    def falcohost_sources(self):
        """Offer the source."""
        return [SourceSpec(name=self._source, description="D.", make=None)]

    @hookimpl
    def falcohost_fields(self, source):
        """Offer the field to every other source."""
        if source == self._source:
            return None
        field = Field(name=self._field, type=FieldType.CHARBUF, description="F.", get=lambda event, arg: "")
        return [field]

    @hookimpl
    def falcohost_rules(self):
        """Offer a rules file."""
        return [Path("/rules.yaml")]


def test_fields_of_other_plugins_are_joined():
    """A plugin may add fields to another one's source."""
    plugins = gather([Candidate("one", Offers("a", "x")), Candidate("two", Offers("b", "y"))])

    assert [field.name for field in plugins.fields("a")] == ["y"]
    assert plugins.rules() == ["/rules.yaml", "/rules.yaml"]


def test_two_plugins_with_one_field():
    """Two plugins that declare one field of a source are refused, both named."""
    plugins = gather(
        [Candidate("one", Offers("a", "x")), Candidate("two", Offers("b", "x")), Candidate("three", Offers("c", "z"))]
    )

    with pytest.raises(PluginError, match="the plugins 'one' and 'two' both offer the field 'x'"):
        plugins.fields("c")


class Ordered:
    """A plugin object whose rules come first or last, and which has a hook under another name."""

    falcohost_api = 1

    @hookimpl(trylast=True)
    def falcohost_rules(self):
        """Offer a rules file that comes last."""
        return [Path("/last.yaml")]

    @hookimpl(specname="falcohost_rules", tryfirst=True)
    def rules_before_all_others(self):
        """Offer a rules file that comes first."""
        return [Path("/first.yaml")]


def test_pluggys_order():
    """Hooks are called in the order of the configuration, but for those that say tryfirst or trylast."""
    offers = {"one": Offers("a", "x"), "ordered": Ordered(), "two": Offers("b", "y")}
    plugins = gather(Candidate(name, offer) for name, offer in offers.items())

    assert ["/first.yaml", "/last.yaml", "/rules.yaml", "/rules.yaml"] == plugins.rules()
    assert ["one", "ordered", "two"] == [plugin.name for plugin in plugins.loaded]


class Configured:
    """A plugin object whose source is named in its configuration."""

    @hookimpl
    def falcohost_sources(self, settings):
        """Offer the source that the settings name."""
        return [SourceSpec(name=settings["source"], description="D.", make=None)]

    @hookimpl
    def falcohost_fields(self, source, settings):
        """Offer a field to every source, called after the plugin's own."""
        name = f"{source}.{settings['source']}"
        return [Field(name=name, type=FieldType.CHARBUF, description="F.", get=lambda event, arg: "")]


def test_each_plugin_has_its_own_settings():
    """A hook is given the configuration of its own plugin, also where it is asked about another one's source."""
    plugins = gather(Candidate(name, Configured(), settings={"source": name}) for name in ("one", "two"))

    assert ["one", "two"] == list(plugins.sources())
    assert ["one.one", "one.two"] == [field.name for field in plugins.fields("one")]


class Fastidious(Offers):
    """A plugin object that raises when it is asked about a source that is not its own."""

    @hookimpl
    def falcohost_fields(self, source):
        """Raise."""
        if source != self._source:
            raise KeyError(source)


def test_a_plugin_that_raises_about_another_ones_source(caplog):
    """It adds no fields there, which is logged, and is not left out."""
    plugins = gather([Candidate("one", Offers("a", "x")), Candidate("two", Fastidious("b", "y"))])

    assert ["x"] == [field.name for field in plugins.fields("b")]
    assert () == plugins.fields("a")
    assert ["plugin 'two' adds no fields to 'a': KeyError: 'a'"] == caplog.messages
