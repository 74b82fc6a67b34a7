"""The command line of a start is mostly read without click; what is read is the same."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.cli import app
from falcohost.cli.flags import Flags
from falcohost.cli.plain import plain_flags

#: All flags, some with their value, some values that look like flags, and what stands for no value.
_WORDS = [
    *(name for option in app.cli.params for name in option.opts),
    *(
        "-rx",
        "--option=a=b",
        "--pidfile=x",
        "-vU",
        "-Ux",
        "--",
        "-",
        "",
        "run",
        "rules",
        "falco.yaml",
        "a=b",
        "1",
        "x y",
    ),
]


def read_by_click(arguments):
    """Return the flags that click reads; None: it refuses them, or there is a command."""
    try:
        with app.cli.make_context("falcohost", [*arguments], resilient_parsing=False) as context:
            if context._protected_args or context.args:
                return None
            return Flags(**context.params)
    except (click.ClickException, click.exceptions.Exit):
        return None


@given(st.lists(st.sampled_from(_WORDS), max_size=6))
def test_what_is_read_without_click_is_the_same(arguments):
    """Whatever the arguments are, they are left to click or read as click does."""
    found = plain_flags(arguments)

    assert found is None or read_by_click(arguments) == found


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], Flags()),
        (["-c", "/etc/falco/falco.yaml"], Flags(config="/etc/falco/falco.yaml")),
        (
            ["-r", "a", "-U", "-o", "x=1", "-r", "b", "--option", "y=2", "-v"],
            Flags(rules=("a", "b"), unbuffered=True, options=("x=1", "y=2"), verbose=True),
        ),
        (["--enable-source", "syscall", "--pidfile", "p"], Flags(enable_source=("syscall",), pidfile="p")),
    ],
)
def test_starts_do_without_click(arguments, flags):
    """What an agent is mostly started with is read here."""
    assert flags == plain_flags(arguments) == read_by_click(arguments)


@pytest.mark.parametrize("arguments", [["rules"], ["-M", "1"], ["-c"], ["-c", "-r"], ["--help"], ["-rx"], ["-V", "x"]])
def test_all_else_is_left_to_click(arguments):
    """Commands, other flags, and what may be an error."""
    assert plain_flags(arguments) is None


def test_completion_is_left_to_click(monkeypatch):
    """Where a shell wants names completed, the arguments are not yet what they will be."""
    monkeypatch.setenv("_FALCOHOST_COMPLETE", "bash_complete")

    assert plain_flags([]) is None
