"""The plugin keeps falcohost's contracts."""

import pytest

import falcohost_json.plugin
from falcohost.testing import PluginContract, SourceContract

PATH = "/proc/self/no such file"


def settings(path):
    """Return the settings of one source that reads *path*."""
    return {"sources": [{"name": "orders", "open_params": str(path), "time": "at"}]}


class TestPlugin(PluginContract):
    """The plugin as a whole."""

    plugin = falcohost_json.plugin
    settings = settings(PATH)


class TestSource(SourceContract):
    """A configured source, reading lines."""

    plugin = falcohost_json.plugin
    source = "orders"

    @pytest.fixture(autouse=True)
    def config(self, tmp_path):
        """Return settings that read a file of two hundred records."""
        path = tmp_path / "orders.jsonl"
        path.write_text("".join(f'{{"at":{1_700_000_000 + n},"n":{n}}}\n' for n in range(200)))
        self.settings = settings(path)
        return self.settings


class TestFollowing(SourceContract):
    """A configured source that follows its file."""

    plugin = falcohost_json.plugin
    source = "orders"
    patience = 1.0

    @pytest.fixture(autouse=True)
    def config(self, tmp_path):
        """Return settings that follow a file of two hundred records."""
        path = tmp_path / "orders.jsonl"
        path.write_text("".join(f'{{"at":{1_700_000_000 + n},"n":{n}}}\n' for n in range(200)))
        (entry,) = settings(path)["sources"]
        self.settings = {"sources": [entry | {"follow": True}]}
        return self.settings

    def test_keeps_the_right_to_read(self):
        """A source that follows may read files that appear later, whoever owns them; others keep no privileges."""
        (other,) = falcohost_json.plugin.falcohost_sources(settings("/some/file"))

        assert self.spec.capabilities == frozenset({"CAP_DAC_READ_SEARCH"})
        assert other.capabilities is None
