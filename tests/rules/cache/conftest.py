"""Lets the tests of the rules cache import what they share: ``cached_rules``."""

import sys
from pathlib import Path

import pytest

import falcohost.rules.cache_key
from falcohost.rules import loader
from falcohost.rules.cache import RulesCache

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def finished_compiler(monkeypatch):
    """Leave the compiler's own files out of the key, so that the tests stand while somebody works on them."""
    monkeypatch.setattr(falcohost.rules.cache_key, "_COMPILER", ())


@pytest.fixture
def cache(tmp_path):
    """Return a cache with nothing in it."""
    from cached_rules import VERSIONS

    return RulesCache(tmp_path / "cache", VERSIONS)


@pytest.fixture
def no_compiler(monkeypatch):
    """Return a function after which compiling is an error."""

    def refuse(*args):
        raise AssertionError("the rules are compiled")

    return lambda: monkeypatch.setattr(loader, "load_rules", refuse)
