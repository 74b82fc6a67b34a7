"""What mends a missing extra depends on where falcohost was installed from."""

import json
from importlib import metadata

import pytest

from falcohost import installing


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Return a function that sets what pip has recorded."""

    class Recorded:
        def __init__(self, text):
            self.text = text

        def read_text(self, name):
            assert name == "direct_url.json"
            return self.text

    def installed(text):
        monkeypatch.setattr(metadata, "distribution", lambda name: Recorded(text))
        installing._place.cache_clear()

    yield installed
    monkeypatch.undo()
    installing._place.cache_clear()


def test_from_an_index(installed):
    """Without a record it came from an index, and has the name that it has there."""
    installed(None)

    assert "pip install 'falcohost[okta]'" == installing.how_to_install("okta")
    assert "pip install --upgrade falcohost" == installing.how_to_upgrade()


@pytest.mark.parametrize(("info", "option"), [({"dir_info": {"editable": True}}, "-e "), ({"dir_info": {}}, "")])
def test_from_a_checkout(installed, tmp_path, info, option):
    """From a checkout it is installed again, in the same way."""
    (tmp_path / "a b").mkdir()
    installed(json.dumps({"url": (tmp_path / "a b").as_uri(), **info}))

    assert f"pip install {option}'{tmp_path}/a b[okta]'" == installing.how_to_install("okta")
    assert "install a newer falcohost" == installing.how_to_upgrade()


def test_from_a_wheel(installed, tmp_path):
    """From a wheel that is still there it is installed from that."""
    wheel = tmp_path / "falcohost-0.1.0-py3-none-any.whl"
    wheel.touch()
    installed(json.dumps({"url": wheel.as_uri(), "archive_info": {}}))

    assert f"pip install '{wheel}[okta]'" == installing.how_to_install("okta")


@pytest.mark.parametrize(
    "record", ['{"url": "file:///nowhere"}', '{"url": "https://x/y.whl"}', "{", "[]", '{"url": 1}']
)
def test_from_what_is_gone(installed, record):
    """Where it came from is not there any more, or not known: a checkout does."""
    installed(record)

    assert "pip install '.[okta]' in a checkout of falcohost" == installing.how_to_install("okta")


def test_not_installed(installed, monkeypatch):
    """Run from its sources without an installation, a checkout does as well."""
    installed(None)

    def gone(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", gone)
    assert "pip install '.[okta]' in a checkout of falcohost" == installing.how_to_install("okta")
