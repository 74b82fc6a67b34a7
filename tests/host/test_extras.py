"""Tests the hints how to install a plugin or a source that a rules file needs."""

from falcohost.host.extras import EXTRAS, hints_for
from falcohost.installing import how_to_install


def test_what_is_not_installed_names_its_extra():
    """An extra is named by Falco's name of the plugin and by its event source, also if no plugin of it is there."""
    hints = hints_for([], {}, [])

    assert how_to_install("cloudtrail") == hints["cloudtrail"] == hints["aws_cloudtrail"]
    assert how_to_install("k8saudit") == hints["k8s_audit"]
    assert how_to_install("containers") == hints["container"]


def test_what_is_installed_and_not_configured():
    """A plugin that is installed only has to be configured; one that is loaded needs nothing."""
    hints = hints_for(["containers", "syscall"], {}, ["okta", "syscall", "theirs"])

    assert "add okta to load_plugins in the configuration" == hints["okta"]
    assert "add theirs to load_plugins in the configuration" == hints["theirs"]
    assert {"syscall", "container"}.isdisjoint(hints)
    assert "if an installed plugin has it, name the plugin: theirs (-o load_plugins[]=theirs)" == hints[""]


def test_what_could_not_be_loaded():
    """A plugin that was left out is told of with the reason."""
    reason = "plugin 'okta' is left out: ImportError: no"

    assert reason == hints_for([], {"okta": reason}, ["okta"])["okta"]


def test_every_extra_is_known(root):
    """The extras here are those of the distribution, but for those that are no plugins."""
    import tomllib

    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert set(extras) - {"all", "gzip", "web"} == set(EXTRAS)
