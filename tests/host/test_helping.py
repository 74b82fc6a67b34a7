"""Helpers: what they open before they lose their rights, and sockets between two of them."""

import os
import sys

import pytest

from falcohost.errors import SourceError
from falcohost.helpers import HelperEnded, HelperSpec
from falcohost.host.helping import Helpers

MODULE = """
import os
from falcohost.by_name import called_by_name

@called_by_name("opens")
def opens(settings):
    return os.open(settings["path"], os.O_RDONLY)

@called_by_name("serve", capabilities=frozenset({"CAP_KILL"}))
def reads(link, settings, opened, other):
    link.send(os.read(opened, 100) + other.recv(100))
    other.send(b"heard")
    link.recv(1)

@called_by_name("serve")
def says(link, other=None):
    if other is None:
        link.send(b"alone")
    else:
        other.send(b" and said")
        link.send(other.recv(100))
    link.recv(1)

@called_by_name("opens")
def raises(settings):
    raise ValueError("cannot be opened")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return the name of a module with such functions."""
    (tmp_path / "a_helper_of_this_test.py").write_text(MODULE)
    info = tmp_path / "helper-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: helper\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[falcohost.plugins]\nhelper = a_helper_of_this_test\n")
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
    for helper in helpers.running.values():
        os.waitpid(helper.pid, 0)


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


@pytest.mark.parametrize(
    "more",
    [
        {"serve": "subprocess:call"},
        {"opens": "subprocess:call"},
        {"opens": "{0}:says"},
        {"capabilities": frozenset({"CAP_KILL", "CAP_BPF"})},
        {"calls": frozenset({"program"})},
    ],
)
def test_who_reads_the_configuration_cannot_have_a_helper_run_anything(module, more, tmp_path):
    """A helper calls only functions that are marked for what they are called as, with no more rights than the mark."""
    ran = tmp_path / "ran"
    settings = {"/bin/sh": 1, "-c": 1, f"touch {ran}": 1}
    given = {"serve": f"{module}:reads", **more, "settings": settings}
    helpers = started(HelperSpec(name="a", **{key: _at(one, module) for key, one in given.items()}))

    assert ("its helper 'a' has ended with status 1", False) == helpers.how_it_ended()
    assert not ran.exists()


def _at(value, module):
    return value.format(module) if isinstance(value, str) else value


def test_no_descriptors(module, monkeypatch):
    """Where there can be no socket, the source says so."""

    def refuse(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("falcohost.host.helping.socket.socketpair", refuse)
    specs = HelperSpec(name="a", serve=f"{module}:says", asks="b"), HelperSpec(name="b", serve=f"{module}:says")

    with pytest.raises(SourceError, match="its helper 'a' cannot be started: Too many open files"):
        started(*specs)
