"""The plugin keeps falcohost's contracts."""

import pytest

import falcohost_text.plugin
from falcohost.testing import PluginContract, SourceContract

from .conftest import RECORDED


def settings(path, form="auth", **more):
    """Return the settings of one source that reads *path*."""
    return {"sources": [{"name": "app", "open_params": str(path), "format": form} | more]}


class TestPlugin(PluginContract):
    """The plugin as a whole."""

    plugin = falcohost_text.plugin
    settings = settings(RECORDED / "auth.log")


class TestAuth(SourceContract):
    """A source of an auth.log."""

    plugin = falcohost_text.plugin
    source = "app"
    settings = settings(RECORDED / "auth.log")

    @pytest.fixture
    def config(self):
        """Return the same settings."""
        return self.settings


class TestAccess(TestAuth):
    """A source of an access log."""

    settings = settings(RECORDED / "nginx.log", "nginx")


class TestFollowing(SourceContract):
    """A source that follows its file."""

    plugin = falcohost_text.plugin
    source = "app"
    patience = 1.0

    @pytest.fixture(autouse=True)
    def config(self, tmp_path):
        """Return settings that follow a copy of the log."""
        (tmp_path / "log").write_bytes((RECORDED / "auth.log").read_bytes())
        self.settings = settings(tmp_path / "log", follow=True)
        return self.settings

    def test_keeps_the_right_to_read(self):
        """What follows may read files that come later; what does not may nothing."""
        (other,) = falcohost_text.plugin.falcohost_sources(settings("/some/file"))

        assert self.spec.capabilities == frozenset({"CAP_DAC_READ_SEARCH"})
        assert other.capabilities is None
