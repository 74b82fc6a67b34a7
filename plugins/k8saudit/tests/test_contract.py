"""The plugin keeps falcohost's contracts."""

import pytest

import falcohost_k8saudit.plugin
from falcohost.testing import PluginContract, SourceContract


class TestPlugin(PluginContract):
    """The plugin as a whole."""

    plugin = falcohost_k8saudit.plugin


class TestSource(SourceContract):
    """The source, reading Falco's traces."""

    plugin = falcohost_k8saudit.plugin
    source = "k8s_audit"

    @pytest.fixture
    def config(self, regression):
        """Return the settings that read a folder."""
        return {"open_params": str(regression / "trace_files" / "k8s_audit")}
