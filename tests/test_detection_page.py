"""docs/detection.md says what the shipped rules find among the labelled records, and gives each error a reason."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"


@pytest.fixture
def page(corpus, monkeypatch):
    """Return the module that writes the page."""
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    import detection_page

    return detection_page


def test_page(page):
    """The page is what the rules of today find; `script/bench detection_page` mends it."""
    assert page.page() == page.PAGE.read_text()


@pytest.mark.parametrize("table", ["MISSES", "RIGHT", "WRONG"])
def test_each_error_has_a_reason(page, table):
    """An error without a reason, and a reason without an error, is complained of."""
    reasons = getattr(page, table)
    case, reason = next(iter(reasons.items()))
    del reasons[case]
    reasons["no case"] = reason
    try:
        with pytest.raises(ValueError, match=case) as raised:
            page.page()
    finally:
        del reasons["no case"]
        reasons[case] = reason

    assert "no case" in str(raised.value)
