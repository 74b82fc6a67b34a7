"""The folders of packages that a confined process may read: of those loaded before the fork, and of later ones."""

import sys
import types
from pathlib import Path

import pytest

from falcohost.host.confine import files
from falcohost.host.confine.files import know_package, know_packages, readable
from falcohost.needs import Needs


@pytest.fixture
def load(monkeypatch):
    """Return a function that loads a package, which is in a folder of its name."""
    monkeypatch.setattr(files._Known, "last", files._Known.last)
    monkeypatch.setattr(files._Known, "folders", files._Known.folders)

    def load(name):
        module = types.ModuleType(name)
        module.__path__ = [f"/of/{name}"]
        monkeypatch.setitem(sys.modules, name, module)

    return load


def found():
    """Return the folders of packages that these tests have loaded."""
    return {path.name for path in readable(Needs()) if path.parent == Path("/of")}


def test_packages_are_known_whenever_they_were_loaded(load):
    """Those that are loaded after the first look are found by the next."""
    load("one")
    know_packages()
    load("two")
    load("two.inside")

    assert {"one", "two"} == found()
    assert {"one", "two"} == found()


def test_a_module_that_is_gone(load):
    """If the last module of the last look is no longer there, all are looked at again."""
    load("one")
    know_packages()
    del sys.modules["one"]
    load("two")

    assert {"one", "two"} == found()


def test_only_new_modules_are_looked_at(load, monkeypatch):
    """A module that was there at the last look is left alone, so that its memory stays shared."""
    looked = []

    class Module(types.ModuleType):
        def __getattr__(self, name):
            looked.append(name)
            raise AttributeError

    monkeypatch.setitem(sys.modules, "module_of_a_test", Module("module_of_a_test"))
    know_packages()
    assert ["__path__"] == looked
    found()

    assert ["__path__"] == looked


def test_a_package_that_is_imported_later(load, monkeypatch, tmp_path):
    """Its folder is known without an import, also by the name of a module in it; a module without a folder has none."""
    (tmp_path / "package_of_a_test").mkdir()
    (tmp_path / "package_of_a_test/__init__.py").touch()
    (tmp_path / "module_of_a_test.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("package_of_a_test.inside", "module_of_a_test", "no_package_of_a_test"):
        know_package(name)

    assert [tmp_path / "package_of_a_test"] == [path for path in readable(Needs()) if tmp_path in path.parents]
    assert "package_of_a_test" not in sys.modules
