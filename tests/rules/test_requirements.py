"""Plugins that rules require."""

import pytest

from falcohost.errors import RulesError


@pytest.mark.parametrize(
    ("entry", "plugins", "expected"),
    [
        ("{name: a, version: 1.2.0}", {"a": "1.2.0"}, None),
        ("{name: a, version: 1.2.0}", {"a": "1.10.1"}, None),
        (
            "{name: a, version: 1.2.0}",
            {"a": "1.1.9"},
            "Plugin 'a' version '1.1.9' is not compatible with required plugin version '1.2.0'",
        ),
        (
            "{name: a, version: 1.2.0}",
            {"a": "2.0.0"},
            "Plugin 'a' version '2.0.0' is not compatible with required plugin version '1.2.0'",
        ),
        ("{name: a, version: 1.2.0}", {"a": "new"}, "Plugin 'a' has invalid version string 'new'"),
        (
            "{name: a, version: 1.2.0}",
            {},
            "Plugin requirement not satisfied, must load one of: a (>= 1.2.0)",
        ),
        (
            "{name: a, version: 1.2.0, alternatives: [{name: b, version: 0.1.0}]}",
            {},
            "Plugin requirement not satisfied, must load one of: a (>= 1.2.0), b (>= 0.1.0)",
        ),
        ("{name: a, version: 1.2.0, alternatives: [{name: b, version: 0.1.0}]}", {"b": "0.1.5"}, None),
    ],
)
def test_requirement(load, entry, plugins, expected):
    """A requirement is met by the first of its plugins that is there, in the same major version and not older."""
    outcome = load(f"- required_plugin_versions: [{entry}]\n", plugins=plugins)

    assert (expected, expected is None) == (outcome.unmet, outcome.ok)


def test_requirements_come_before_errors(load):
    """A missing requirement is reported instead of the errors that follow from it, with how to install it."""
    text = "- required_plugin_versions: [{name: okta, version: 0.1.0}]\n- list: a\n"
    outcome = load(text, install_hints={"okta": "pip install 'falcohost[okta]'"})

    with pytest.raises(RulesError) as caught:
        outcome.check()

    expected = "Plugin requirement not satisfied, must load one of: okta (>= 0.1.0)\n"
    assert expected + "  hint: pip install 'falcohost[okta]'" == str(caught.value)


def test_requirements_behind_an_error_do_not_hide_it(load):
    """A requirement that stands behind an error in its file is left aside until the error is mended."""
    outcome = load("- list: a\n- required_plugin_versions: [{name: okta, version: 0.1.0}]\n")

    assert outcome.unmet is None
    assert ["Item has no mapping for key 'items'"] == [problem.message for problem in outcome.results[0].errors]
