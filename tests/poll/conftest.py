"""A server that answers as a test says, and a client that asks it."""

import logging

import pytest

from falcohost.testing.server import HttpServer


@pytest.fixture
def serve():
    """Return a function that begins to answer requests."""
    servers = []

    def serve(answer, tls=None):
        servers.append(HttpServer(answer, tls))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def told(caplog):
    """Return the log, of everything."""
    caplog.set_level(logging.DEBUG, "falcohost")
    return caplog
