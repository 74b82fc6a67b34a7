"""Skips that can be required not to happen."""

import pytest

from falcohost.testing import skip_or_fail


def test_skips_where_nothing_is_required(monkeypatch):
    """Without the variable, the test is skipped, and the reason is shown with the need."""
    monkeypatch.delenv("FALCOHOST_REQUIRE", raising=False)

    with pytest.raises(pytest.skip.Exception, match=r"no kernel \[bpf\]"):
        skip_or_fail("bpf", "no kernel")


def test_skips_where_another_need_is_required(monkeypatch):
    """A need that is not listed is skipped."""
    monkeypatch.setenv("FALCOHOST_REQUIRE", "corpus,bpfx")

    with pytest.raises(pytest.skip.Exception):
        skip_or_fail("bpf", "no kernel")


def test_fails_where_it_is_required(monkeypatch):
    """A need that is listed fails, whatever blanks are around it."""
    monkeypatch.setenv("FALCOHOST_REQUIRE", "corpus, bpf")

    with pytest.raises(pytest.fail.Exception, match="no kernel"):
        skip_or_fail("bpf", "no kernel")
