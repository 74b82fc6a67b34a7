"""Fixtures: a real API server, and what a service account that may read has of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from falcohost.testing.kube import Kube
from falcohost_k8smeta.config import Config

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for the modules beside the tests

from accounts import NODE, account  # noqa: E402


@pytest.fixture(scope="session")
def kube(tmp_path_factory, root) -> Iterator[Kube]:
    """Return an API server with one node."""
    server = Kube(tmp_path_factory.mktemp("kube"))
    server.make("Node", NODE, labels={"zone": "north"})
    yield server
    server.close()


@pytest.fixture(scope="session")
def config(kube, root, tmp_path_factory) -> Config:
    """Return the settings of the service account that the documentation describes."""
    return account(kube, root, tmp_path_factory.mktemp("account"))
