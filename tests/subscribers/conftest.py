"""Subscribers over a store, for the tests of this folder."""

import time

import pytest

from falcohost.engine.alerts import AlertMaker


@pytest.fixture
def maker(monkeypatch):
    """Return what makes alerts, on a machine in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield AlertMaker("host")
    monkeypatch.undo()
    time.tzset()
