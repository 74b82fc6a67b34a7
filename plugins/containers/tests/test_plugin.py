"""When the process that asks runtimes is of use, and so is started."""

import pytest

from falcohost_containers.config import SOCKETS
from falcohost_containers.plugin import falcohost_lookups

#: Every engine that can be asked, none of which is.
DISABLED = {name: {"enabled": False} for name in (*SOCKETS, "runc")}


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Return a function that returns the helper with these engines, below a folder that has no runtime."""
    monkeypatch.setenv("HOST_ROOT", str(tmp_path))

    def helper(**engines):
        (lookup,) = falcohost_lookups(settings={"engines": engines})
        return lookup.helper

    return helper


def test_nobody_to_ask(helper):
    """With all engines disabled there is no path that could make it of use, so that it is never started."""
    assert () == helper(**DISABLED).places
    assert not helper(**DISABLED).is_of_use


def test_only_bundles(helper, tmp_path):
    """Bundles of bare containers are somebody to ask, as soon as their folder is there."""
    engines = {**DISABLED, "runc": {"states": [], "bundles": ["/bundles"]}}
    before = helper(**engines).is_of_use
    (tmp_path / "bundles").mkdir()

    assert (False, True) == (before, helper(**engines).is_of_use)
