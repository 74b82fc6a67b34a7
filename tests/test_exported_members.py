"""The public names: what plugins may import, pinned, so that none goes or comes unnoticed."""

import inspect

import pytest

import falcohost
import falcohost.testing

PUBLIC = {
    falcohost: [
        "Alert",
        "ArgKind",
        "Batch",
        "Compare",
        "ConfigError",
        "Event",
        "FalcohostError",
        "Field",
        "FieldType",
        "MeasuredSource",
        "Output",
        "OutputError",
        "OutputSpec",
        "Plan",
        "PluginError",
        "Priority",
        "RulesError",
        "Source",
        "SourceError",
        "SourceSpec",
        "SourceStats",
        "StandsFor",
        "TypeCount",
        "hookimpl",
    ],
    falcohost.testing: [
        "OutputContract",
        "PluginContract",
        "SourceContract",
        "projection_problems",
        "rules_fired",
        "skip_or_fail",
    ],
}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_exported_members(module):
    """``__all__`` has the public names, in order, and each of them is there."""
    assert module.__all__ == PUBLIC[module]
    assert [name for name in PUBLIC[module] if not hasattr(module, name)] == []


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_nothing_else_is_public(module):
    """A name without an underscore in the package is public, a module of it, or the mark of a library."""
    loose = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in module.__all__ and not inspect.ismodule(value)
    ]

    assert loose == []


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_public_members_are_documented(module):
    """Every public class and function has a docstring of its own, and so have their public methods."""
    members = [getattr(module, name) for name in module.__all__ if name != "hookimpl"]
    methods = [
        method
        for member in members
        if inspect.isclass(member)
        for name, method in vars(member).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ]

    assert [member.__qualname__ for member in [*members, *methods] if not member.__doc__] == []
