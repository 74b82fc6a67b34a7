"""Texts that know where they are from: comments in block scalars."""

import pytest


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        (">\n    evt.type=open # IPv4\n    and fd.num=1", "(evt.type = open and fd.num = 1)"),
        ("|\n    evt.type=open # it's fine\n    and fd.num=1 # (", "(evt.type = open and fd.num = 1)"),
        (">\n    # first\n    evt.type=open", "evt.type = open"),
        (">\n    proc.name in (a, # first\n    b)", "proc.name in (a, b)"),
        (">\n    proc.name='a # b' and fd.num=1", '(proc.name = "a # b" and fd.num = 1)'),
        ('>\n    proc.name="it\'s # b" # c', 'proc.name = "it\'s # b"'),
        (">\n    proc.name=a#b", "proc.name = a#b"),
        ("'proc.name=#b'", "proc.name = #b"),
        ("evt.type=open # a comment of YAML", "evt.type = open"),
    ],
)
def test_comments(condition, scalar, expected):
    """A ``#`` behind white space and outside quotes begins a comment that ends with the line, in block scalars."""
    assert expected == condition(f"- rule: r\n  desc: d\n  condition: {scalar}\n  output: o\n  priority: INFO\n")


def test_comments_in_macros(condition, rule):
    """Conditions of macros may have comments as well."""
    text = "- macro: m\n  condition: >\n    evt.type=open # or not\n    and fd.num=1\n"

    assert "(evt.type = open and fd.num = 1)" == condition(text + rule("m"))


def test_no_comments_in_outputs(load):
    """In an output a ``#`` is text."""
    outcome = load("- rule: r\n  desc: d\n  condition: evt.type=open\n  output: >\n    a # b\n  priority: INFO\n")

    assert "a # b" == outcome.ruleset.rules[0].output.text
