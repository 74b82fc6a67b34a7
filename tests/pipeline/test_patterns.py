"""Which rules may take RE2, and what becomes of an attempt to load it where there is to be none."""

import subprocess
import sys

import pytest
from assets import Run


@pytest.mark.parametrize(
    ("condition", "patterns"),
    [
        ("it.what = login", False),
        ("it.what contains lo?in", False),
        ("it.what glob lo*in", False),
        ("it.what in (login, logout)", False),
        ("it.what glob lo?in", True),
        ("it.what iglob 'lo[gh]in'", True),
        ("not (it.who = ann and it.what regex 'lo.*')", True),
        ("it.what pmatch (/etc, /home/*/x)", False),
        ("it.what pmatch (/etc, /home/?/x)", True),
        ("it.what glob val(it.who)", True),
    ],
)
def test_conditions(condition, patterns):
    """A pattern of plain text and stars takes no RE2, and one that an event brings may take it."""
    assert patterns is Run("it.what = never", condition).rules.patterns


def test_what_cannot_be_loaded_later():
    """An attempt raises an exception that is told apart; a library that is there stays."""
    script = """
from falcohost.pipeline.patterns import lacks_re2, load_no_re2, load_re2
assert not lacks_re2()
load_no_re2()
assert lacks_re2()
try:
    import re2
except ImportError:
    print("refused")
"""
    assert (
        "refused\n" == subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    )
    script = "from falcohost.pipeline.patterns import *\nload_re2()\nload_no_re2()\nassert not lacks_re2()\nimport re2"
    subprocess.run([sys.executable, "-c", script], check=True)
