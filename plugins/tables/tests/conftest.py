"""Makes tables from what a test says of them, and servers that have some."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import pytest

from falcohost.testing.server import HttpServer
from falcohost_tables.config import parse

# Modules that the tests here share (mmdb) are beside them.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def serve():
    """Return a function that starts an HTTP server; its arguments are those of HttpServer."""
    servers = []

    def serve(answer, tls: ssl.SSLContext | None = None):
        servers.append(HttpServer(answer, tls))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def table():
    """Return a function that makes a table of settings."""

    def table(**settings):
        (made,) = parse({"asset": ({} if "url" in settings else {"file": "/assets"}) | settings})
        return made

    return table
