"""Tests a plugin's settings: known keys, values from YAML or from JSON in a string, and refused ones."""

from __future__ import annotations

import pytest

from falcohost import ConfigError
from falcohost.settings import Settings


def settings(**values):
    """Return the settings of a plugin that knows two keys."""
    return Settings("lamp", values, ("colour", "watts"))


def test_unknown_key(caplog):
    """A key that is unknown is warned of, with the one that was meant where there is one."""
    settings(color="red", colour="red", weight=3, open_params="x")

    assert [
        "plugin 'lamp': unknown key color in its configuration; did you mean colour?",
        "plugin 'lamp': unknown key weight in its configuration",
    ] == caplog.messages


def test_what_the_host_adds_is_known(caplog):
    """The key that every source is given by the host gets no warning."""
    settings(agent_pid=1)

    assert [] == caplog.messages


def test_values():
    """A number may be a text; what is missing or empty is the default."""
    assert (7, 7, 3, 3) == (
        settings(watts=7).whole_number("watts", 3),
        settings(watts=" 7 ").whole_number("watts", 3),
        settings(watts=None).whole_number("watts", 3),
        settings().whole_number("watts", 3),
    )
    assert ("red", "", "blue") == (
        settings(colour="red").text("colour"),
        settings().text("colour"),
        settings(colour=None).text("colour", "blue"),
    )


@pytest.mark.parametrize("value", [-1, "many", True, 1.5, [1]])
def test_no_number(value):
    """A value that is not a whole number, or too small, is an error that names plugin and key."""
    with pytest.raises(ConfigError, match=r"^plugin 'lamp': watts has to be a whole number from 0, not "):
        settings(watts=value).whole_number("watts", 3)


@pytest.mark.parametrize("value", [1, True, ["red"], {}])
def test_no_text(value):
    """A value that is not a string is an error that names plugin and key."""
    with pytest.raises(ConfigError, match=r"^plugin 'lamp': colour has to be a string, not "):
        settings(colour=value).text("colour")


def test_truth_values():
    """A truth value is taken as it is; where nothing is said the default counts."""
    assert (True, False, True, False) == (
        settings(colour=True).truth("colour"),
        settings(colour=False).truth("colour", default=True),
        settings(colour=None).truth("colour", default=True),
        settings().truth("colour"),
    )


@pytest.mark.parametrize("value", [1, "true", ["red"], {}])
def test_no_truth_value(value):
    """A value that is not a boolean is an error that names plugin and key."""
    with pytest.raises(ConfigError, match=r"^plugin 'lamp': colour has to be true or false, not "):
        settings(colour=value).truth("colour")
