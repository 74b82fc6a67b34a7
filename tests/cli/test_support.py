"""Tests that ``--support`` does not print secrets."""

import json

import pytest

from falcohost.cli.support import hidden_options


def test_secret_keys_are_never_shown(falcohost, setup):
    """The value of a key that its plugin calls secret is neither in the configuration nor on the command line."""
    done = falcohost(*setup("safe: {pin: 1234, colour: red}\n"), "-o", "safe.pin=5678", "--support")

    assert json.loads(json.loads(done.stdout)["config"])["safe"] == {"pin": "(hidden)", "colour": "red"}
    assert "1234" not in done.stdout
    assert "5678" not in done.stdout


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("safe.pin=1", "safe.pin=(hidden)"),
        ("-osafe.pin=1", "-osafe.pin=(hidden)"),
        ("--option=safe.pin=1", "--option=safe.pin=(hidden)"),
        ("--option=a.token=1", "--option=a.token=(hidden)"),
        ("safe.colour=1", "safe.colour=1"),
    ],
)
def test_options_with_secrets(argument, shown):
    """However an option is given, its value is hidden where the key is secret."""
    assert hidden_options([argument], {"safe.pin"}) == [shown]
