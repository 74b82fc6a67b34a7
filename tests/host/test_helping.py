"""Helpers: what they open before they lose their rights, and sockets between two of them."""

import sys

import pytest

from falcohost.errors import SourceError
from falcohost.helpers import HelperEnded, HelperSpec
from falcohost.host.helping import Helpers

MODULE = """
import os

def opens(settings):
    return os.open(settings["path"], os.O_RDONLY)

def reads(link, settings, opened, other):
    link.send(os.read(opened, 100) + other.recv(100))
    other.send(b"heard")
    link.recv(1)

def says(link, other=None):
    if other is None:
        link.send(b"alone")
    else:
        other.send(b" and said")
        link.send(other.recv(100))
    link.recv(1)

def raises(settings):
    raise ValueError("cannot be opened")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return the name of a module with such functions."""
    (tmp_path / "a_helper_of_this_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "a_helper_of_this_test"
    sys.modules.pop("a_helper_of_this_test", None)


def started(*specs):
    """Return running helpers."""
    return Helpers(specs, None, only_log=False)


def close(helpers):
    """Have helpers end."""
    for helper in helpers.running.values():
        helper.link.close()


def test_what_is_opened_before_and_who_is_asked(module, tmp_path):
    """What was opened stays usable, though the path may not be read; both have an end of the same socket."""
    (tmp_path / "secret").write_text("opened")
    settings = {"path": str(tmp_path / "secret")}
    reads = HelperSpec(name="reads", serve=f"{module}:reads", opens=f"{module}:opens", asks="says", settings=settings)
    helpers = started(reads, HelperSpec(name="says", serve=f"{module}:says"))

    assert b"opened and said" == helpers.running["reads"].link.recv(100)
    assert b"heard" == helpers.running["says"].link.recv(100)
    close(helpers)


def test_who_is_asked_by_nobody(module):
    """It is told nothing of a socket."""
    helpers = started(HelperSpec(name="says", serve=f"{module}:says"))

    assert b"alone" == helpers.running["says"].link.recv(100)
    close(helpers)


def test_what_cannot_be_opened(module):
    """The helper has ended, and that is told."""
    spec = HelperSpec(name="reads", serve=f"{module}:reads", opens=f"{module}:raises", settings={"path": ""})
    helpers = started(spec)

    assert b"" == helpers.running["reads"].link.recv(100)
    assert ("its helper 'reads' has ended with status 1", False) == helpers.how_it_ended()
    with pytest.raises(HelperEnded):
        helpers.check()


def test_no_descriptors(module, monkeypatch):
    """Where there can be no socket, the source says so."""

    def refuse(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("falcohost.host.helping.socket.socketpair", refuse)
    specs = HelperSpec(name="a", serve=f"{module}:says", asks="b"), HelperSpec(name="b", serve=f"{module}:says")

    with pytest.raises(SourceError, match="its helper 'a' cannot be started: Too many open files"):
        started(*specs)
