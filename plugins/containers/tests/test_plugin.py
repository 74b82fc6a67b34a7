"""When the process that asks runtimes is of use, and so is started."""

import subprocess
import sys

import pytest

from falcohost_containers.config import SOCKETS, Config
from falcohost_containers.helper import places
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


IMPORTS = """
import importlib, sys
from falcohost_containers.config import parse

config = parse({"engines": {name: {"enabled": False} for name in ("cri", "containerd")}})
for name in config.modules:
    importlib.import_module(name)
before = {*sys.modules}
from falcohost_containers.helper import places
made = [type(one.make()).__name__ for one in places(config) if one.exists()]
print(*made)
print(*sorted({*sys.modules} - before))
print(*sorted({"ssl", "_ssl", "_hashlib", "http", "email", "h2", "yaml", "tempfile"} & {*sys.modules}))
"""


def test_what_is_imported_before_the_forks(tmp_path, monkeypatch):
    """What asking the runtimes takes that are there is imported then, and nothing large."""
    monkeypatch.setenv("HOST_ROOT", str(tmp_path))
    for one in ("var/run/docker.sock", "var/lib/containers/storage", "run/crun"):
        (tmp_path / one).mkdir(parents=True)
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)

    assert ["Docker Podman Bare", "", ""] == done.stdout.split("\n")[:3]


def test_nothing_is_imported_for_runtimes_that_are_not_there(helper, tmp_path):
    """Without any, no process for them is started, either."""
    (lookup,) = falcohost_lookups(settings={})

    assert {"falcohost_containers.plugin", "falcohost_containers.fields", "falcohost_containers.lookup"} == {
        *lookup.modules
    }


def test_storage_of_users(tmp_path):
    """Whether one of the users has some is seen by the names of their folders; without the folder above, none has."""

    def there(pattern):
        return next(place for place in places(Config(users=pattern)) if "podman" in place.types).exists()

    pattern = f"{tmp_path}/home/*/.local/storage"
    found = [there(pattern)]
    (tmp_path / "home/one").mkdir(parents=True)
    (tmp_path / "home/file").write_text("")
    found.append(there(pattern))
    (tmp_path / "home/other/.local/storage").mkdir(parents=True)
    found.append(there(pattern))

    found.append(there(f"{tmp_path}/ho*/other"))

    assert [False, False, True, True] == found
