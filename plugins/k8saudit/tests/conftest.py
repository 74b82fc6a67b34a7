"""Fixtures of the Kubernetes audit log's tests: the cases and events of the corpus."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def regression(corpus):
    """Return the folder of Falco's regression cases."""
    return corpus / "regression"


@pytest.fixture(scope="session")
def trace(regression):
    """Return a function that returns the first record of one of Falco's traces."""

    def trace(name: str) -> dict:
        text = (regression / "trace_files" / "k8s_audit" / f"{name}.json").read_text()
        return json.loads(text.splitlines()[0])

    return trace
